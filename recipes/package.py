"""Make the bundled encoder of the trained parts: `python -m recipes.package [--to retrieval/bundled]`.

Writes the files an open_clip `local-dir:` model consists of, weights in float16, each replaced in one step.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from recipes.architecture import MODEL_CONFIG, PREPROCESS_CONFIG, build_model
from recipes.conse import load_conse
from recipes.image_head import ImageHead
from recipes.sentence_teacher import model_folder
from recipes.sources import DEFAULT_CACHE, unpacked
from recipes.top import Top
from recipes.trunk import load_trunk

TOKENIZER_FILES = ("tokenizer.json", "special_tokens_map.json", "vocab.txt")
TARGET = Path(__file__).parents[1] / "retrieval" / "bundled"


def assemble(cache: Path, conse_share: float) -> Any:
    """The whole model, from the trunk's package, the distilled tower and the trained parts.

    `conse_share` lengthens the ConSE block of image embeddings against what it was in training.
    """
    model = build_model()
    trained = torch.load(cache / "encoder" / "head.pt", weights_only=True)
    trunk = load_trunk(unpacked(cache, "efficientnet_lite0"))
    top = Top(trunk)
    top.load_state_dict(trained["top"])
    top.write_into(trunk)
    trunk.reset_classifier(0)
    model.visual.trunk.load_state_dict(trunk.state_dict())
    head = ImageHead(load_conse(cache, np.load(cache / "text_tower" / "basis.npy")), scale=1.0, threshold=0.0)
    head.load_state_dict(trained["head"])  # its buffers hold the scale and threshold it was trained with
    tower = torch.load(cache / "text_tower" / "tower.pt", weights_only=True)
    tower["text_projection"] = trained["text_projection"]
    model.text.load_state_dict(tower)
    mlp = model.visual.head.mlp
    with torch.no_grad():
        weight, bias = head.fc1()
        mlp.fc1.weight.copy_(weight)
        mlp.fc1.bias.copy_(bias)
        mlp.fc2.weight.copy_(head.fc2(conse_share * trained["conse_weight"]))
        model.logit_scale.copy_(trained["log_scale"])
    return model.eval()


def half(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Floating tensors to float16; an overflow would silently become infinity, so it is refused."""
    out = {}
    for name, value in state.items():
        out[name] = value.half().contiguous() if value.is_floating_point() else value.contiguous()
        if value.is_floating_point() and not torch.isfinite(out[name]).all():
            raise ValueError(f"{name} does not fit float16")
    return out


def write(model: Any, tokenizer: Path, folder: Path) -> None:
    """Write every file aside and move it into place."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    config = {"model_cfg": MODEL_CONFIG, "preprocess_cfg": PREPROCESS_CONFIG}
    (partial / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")
    settings = {
        "tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 512, "unk_token": "[UNK]",
        "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
    }  # fmt: skip
    (partial / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    for name in TOKENIZER_FILES:
        shutil.copyfile(tokenizer / name, partial / name)
    save_file(half(model.state_dict()), partial / "open_clip_model.safetensors", {"format": "pt"})
    for file in sorted(partial.iterdir()):
        file.chmod(0o644)  # safetensors writes for the owner only
        file.replace(folder / file.name)
    partial.rmdir()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("--conse-share", type=float, default=1.4)
    parser.add_argument("--to", type=Path, default=TARGET)
    options = parser.parse_args()
    write(assemble(options.cache, options.conse_share), model_folder(unpacked(options.cache, "minilm")), options.to)
    files = {file.name: file.stat().st_size for file in sorted(options.to.iterdir()) if file.is_file()}
    for name, size in files.items():
        print(f"{size / 1e6:7.2f} MB  {name}")
    print(f"{sum(files.values()) / 1e6:7.2f} MB  in all")


if __name__ == "__main__":
    main()
