"""A model as one ONNX file with a runner beside it that needs neither torch nor Veralens, and how far they agree."""

from __future__ import annotations

import importlib.util
import json
import shutil
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rerank.errors import InputError
from rerank.finetune.graph import EntailmentGraph
from rerank.finetune.network import Base
from rerank.ofa.entailment import EntailmentModel
from rerank.weights import resolve

OPSET = 18
# Protocol buffers end at 2 GiB: above this, weights go into a file beside.
INLINE_BYTES = 1_900_000_000
# What a probability may differ from torch in fp32; half the bits of the weights cost what bf16 does.
TOLERANCE = {"fp32": 1e-3, "fp16": 2e-2}
# Tensors smaller than this stay in fp32: norms and biases, where rounding costs most and space least.
HALF_FROM = 1024
RUNNER = Path(__file__).with_name("runner.py")
NO_ONNX = "exporting needs onnx, onnxscript and onnxruntime: pip install 'veralens[export]'"
TEXTS = (
    ("a red circle", None),
    ("two small dogs lie on the grass beside a house", None),
    ("a hot drink", "a cup of coffee on a table"),
    ("a thing", None),
)


@dataclass(frozen=True)
class Exported:
    """An exported model: its files, how large, and how far it is from torch in fp32."""

    path: Path
    runner: Path
    bytes: int
    parameters: int
    weights: str
    pairs: int
    difference: float
    verdicts_changed: int
    fp16_bytes: int
    fp16_difference: float | None

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "path": str(self.path), "runner": str(self.runner)}


def export(model: str, path: Path, *, fp16: bool = False) -> Exported:
    """Export a model directory to ``path``, a .onnx file, and check it against torch on noise.

    Args:
        model: as in ``EntailmentReranker.from_pretrained``, without an adapter: merge that first.
        path: beside it come ``judge_NAME.py``, ``NAME.json``, ``NAME.report.json``, vocab.json and merges.txt.
        fp16: store weights in half precision: half the size; they are computed with in fp32.

    Raises:
        InputError: a library is missing, or the file cannot be named so.
    """
    if path.suffix != ".onnx":
        raise InputError(f"{path}: name a file that ends in .onnx")
    if any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxscript", "onnxruntime")):
        raise InputError(NO_ONNX)
    base = Base.load(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    graph = EntailmentGraph(base.model, base.task, base.answers).eval()
    proto = _exported(graph, base.task.patch_image_size)
    full, half = path, path.with_name(path.stem + ".half.onnx")
    size = _save(proto, full)
    _write_beside(base, path)
    expected = _expected(model, base)
    difference, changed = _compare(full, base, expected)
    _halve(proto)
    half_size = _save(proto, half)
    half_difference, half_changed = _compare(half, base, expected)
    if fp16:
        _replace(half, full)
    else:
        _remove(half)
    found = Exported(
        path,
        runner_of(path),
        half_size if fp16 else size,
        sum(one.numel() for one in base.model.parameters()),
        "fp16" if fp16 else "fp32",
        len(expected),
        half_difference if fp16 else difference,
        half_changed if fp16 else changed,
        half_size,
        half_difference,
    )
    _beside(path, ".report.json").write_text(json.dumps(found.to_dict(), indent=2) + "\n")
    return found


def runner_of(path: Path) -> Path:
    """The runner beside an exported model."""
    return path.with_name(f"judge_{path.stem}.py")


def _exported(graph: EntailmentGraph, size: int) -> Any:
    pixels = torch.zeros(2, 3, size, size)
    tokens = torch.full((2, 12), graph.model.config.pad_token_id, dtype=torch.long)
    tokens[:, :9] = 5
    batch, length = torch.export.Dim("batch", min=1, max=4096), torch.export.Dim("length", min=4, max=graph.longest)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's notes about itself
        program = torch.onnx.export(
            graph,
            (pixels, tokens),
            input_names=["pixels", "tokens"],
            output_names=["probabilities"],
            dynamic_shapes={"pixels": {0: batch}, "tokens": {0: batch, 1: length}},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _save(proto: Any, path: Path) -> int:
    import onnx

    data = path.name + ".data"
    _remove(path)
    large = proto.ByteSize() > INLINE_BYTES
    onnx.save(proto, path, save_as_external_data=large, location=data if large else None)
    return sum(one.stat().st_size for one in (path, path.with_name(data)) if one.is_file())


def _halve(proto: Any) -> None:
    """Store large fp32 tensors as fp16, cast back where they are used: onnxruntime does that once, on loading."""
    import onnx
    from onnx import numpy_helper

    casts = []
    for tensor in proto.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < HALF_FROM:
            continue
        name = tensor.name
        values = numpy_helper.to_array(tensor).clip(-65504, 65504).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(values, name + "_half"))
        casts.append(onnx.helper.make_node("Cast", [name + "_half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def _write_beside(base: Base, path: Path) -> None:
    config, task = base.model.config, base.task
    about = {
        "size": task.patch_image_size,
        "mean": task.mean,
        "std": task.std,
        "prompt": task.prompt,
        "prompt_with_premise": task.prompt_with_premise,
        "longest": task.max_src_length,
        "bos": config.bos_token_id,
        "eos": config.eos_token_id,
        "pad": config.pad_token_id,
        "base": base.name,
    }
    path.with_suffix(".json").write_text(json.dumps(about, indent=2) + "\n")
    for name in ("vocab.json", "merges.txt"):
        shutil.copyfile(base.directory / name, path.parent / name)
    runner_of(path).write_text(RUNNER.read_text().replace("{name}", runner_of(path).name, 1))


def _noise(base: Base) -> NDArray[np.float32]:
    size = base.task.patch_image_size
    return np.random.default_rng(0).uniform(-1, 1, (len(TEXTS), 3, size, size)).astype(np.float32)


def _expected(model: str, base: Base) -> NDArray[np.float32]:
    """What our inference makes of noise and texts of several lengths, in fp32: each picture with each text."""
    judge = EntailmentModel.from_directory(resolve(model), torch.device("cpu"), torch.float32)
    tokens = judge.image_tokens(list(_noise(base)))
    rows = [judge.probabilities(tokens, [judge.tokens(*text)] * len(tokens)) for text in TEXTS]
    return np.concatenate(rows)


def _compare(path: Path, base: Base, expected: NDArray[np.float32]) -> tuple[float, int]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    prompts = [base.prompt(*text) for text in TEXTS]
    pad, longest = base.model.config.pad_token_id, max(map(len, prompts))
    rows = []
    for prompt in prompts:
        # Padded, as texts of several lengths in one batch are.
        tokens = np.array([prompt + [pad] * (longest - len(prompt))] * len(TEXTS), dtype=np.int64)
        rows.append(session.run(None, {"pixels": _noise(base), "tokens": tokens})[0])
    found = np.concatenate(rows)
    return float(np.abs(found - expected).max()), int((found.argmax(axis=1) != expected.argmax(axis=1)).sum())


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.stem + ending)


def _remove(path: Path) -> None:
    for one in (path, path.with_name(path.name + ".data")):
        one.unlink(missing_ok=True)


def _replace(half: Path, full: Path) -> None:
    """Give the file of halves the name; its data, if they lie beside, keep the name that it knows."""
    _remove(full)
    half.rename(full)
