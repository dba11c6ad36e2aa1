"""Write the trained reranker as a model directory: `python -m recipes.reranker.package`.

Takes the running average of CACHE/reranker/RUN/checkpoint.pt and writes ModelScope's layout into ``--output``
(default: rerank/bundled), each file aside and renamed. Temperature, fusion weight and the model card's figures
come from CACHE/reranker/RUN/figures.json where `recipes.reranker.evaluate` has run before; run it, then package
again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from recipes.reranker.architecture import TASK, ofa_config
from recipes.reranker.card import NOTICE, model_card
from recipes.reranker.starting import fold_statistics
from recipes.reranker.trunk import classifier_and_trunk
from recipes.sources import DEFAULT_CACHE
from rerank.ofa.checkpoint import reference_weights
from rerank.ofa.config import OFAConfig
from rerank.ofa.entailment import ANSWERS
from rerank.ofa.model import OFAModel

BUNDLED = Path(__file__).parents[2] / "rerank" / "bundled"


def trained_model(cache: Path, run: Path, config: OFAConfig) -> OFAModel:
    """The averaged weights in a model that takes raw pixels."""
    saved = torch.load(run / "checkpoint.pt", weights_only=True)
    model = OFAModel(config)
    _, trunk = classifier_and_trunk(cache)
    stem: dict[str, Tensor] = {f"embed_images.trunk.{key}": value for key, value in trunk.items()}
    model.load_state_dict({**stem, **saved["average"]})
    fold_statistics(model, *saved["statistics"])
    return model.eval()


def configuration(temperature: float, fusion_weight: float) -> dict[str, Any]:
    """``configuration.json``: the task's settings in ModelScope's form."""
    return {
        "framework": "pytorch",
        "task": "visual-entailment",
        "model": {
            "type": "ofa",
            "gen_type": "traverse",
            "prompt_type": "prev_output",
            "language": "en",
            "answer2label": "answer2label.json",
            "patch_image_size": TASK.patch_image_size,
            "max_src_length": TASK.max_src_length,
            "imagenet_default_mean_and_std": False,
            "temperature": temperature,
            "fusion_weight": fusion_weight,
        },
    }


def network(config: OFAConfig) -> dict[str, Any]:
    """``config.json``: the network's shape under the reference's keys."""
    shape = {key: value for key, value in dataclasses.asdict(config).items() if key != "resnet_type"}
    return {"model_type": "ofa", "architectures": ["OFAModel"], **shape}


def write(output: Path, files: dict[str, bytes]) -> None:
    """Each file whole or not at all; the weights last."""
    output.mkdir(parents=True, exist_ok=True)
    for name in sorted(files, key=lambda name: name.endswith(".safetensors")):
        aside = output / f".{name}.partial"
        aside.write_bytes(files[name])
        aside.replace(output / name)


def package(cache: Path, run: Path, output: Path, figures: dict[str, Any]) -> None:
    """Write all files of the model directory; ``figures`` as `recipes.reranker.evaluate` writes them, or empty."""
    temperature, fusion_weight = figures.get("temperature", 1.0), figures.get("fusion_weight", 1.0)
    vocabulary = cache / "reranker" / "vocabulary"
    config = ofa_config(len(json.loads((vocabulary / "vocab.json").read_text())))
    weights = {key: value.half() for key, value in reference_weights(trained_model(cache, run, config)).items()}
    worst = max(float(value.abs().max()) for value in weights.values())
    if not worst < 60_000:
        raise ValueError(f"a weight of {worst} does not fit fp16")
    labels = dict(zip(ANSWERS, ("entailment", "neutral", "contradiction"), strict=True))
    texts = {
        "config.json": json.dumps(network(config), indent=2),
        "configuration.json": json.dumps(configuration(temperature, fusion_weight), indent=2),
        "answer2label.json": json.dumps(labels, indent=2),
        "vocab.json": (vocabulary / "vocab.json").read_text(),
        "merges.txt": (vocabulary / "merges.txt").read_text(),
        "README.md": model_card(config, figures),
        "NOTICE": NOTICE,
    }
    files = {name: text.rstrip("\n").encode() + b"\n" for name, text in texts.items()}
    write(output, {**files, "model.safetensors": save(weights, metadata={"format": "pt"})})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("--run", default="run", help="folder of checkpoint and figures")
    parser.add_argument("--output", type=Path, default=BUNDLED)
    options = parser.parse_args()
    run = options.cache / "reranker" / options.run
    path = run / "figures.json"
    figures = json.loads(path.read_text()) if path.exists() else {}
    package(options.cache, run, options.output, figures)
    size = sum(file.stat().st_size for file in options.output.iterdir())
    settings = {key: figures.get(key) for key in ("temperature", "fusion_weight")}
    print(f"{options.output}: {size / 1e6:.1f} MB, {settings}")


if __name__ == "__main__":
    main()
