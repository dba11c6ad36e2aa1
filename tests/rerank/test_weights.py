"""Model directories: found, refused with a reason, never unpickled."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from rerank import EntailmentReranker, InputError, ModelInvalid, ModelUnavailable
from rerank.weights import BUNDLED_DIRECTORY, resolve


@pytest.fixture
def model_dir(tmp_path: Path, reference_dir: Path) -> Path:
    copy = tmp_path / "model"
    shutil.copytree(reference_dir, copy, ignore=shutil.ignore_patterns("images", "golden.json"))
    return copy


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_bundled_and_directories_resolve_without_a_network(reference_dir: Path) -> None:
    assert resolve("bundled") == BUNDLED_DIRECTORY
    assert resolve(str(reference_dir)) == reference_dir


def test_a_modelscope_id_that_is_not_here_says_how_to_get_it() -> None:
    with pytest.raises(ModelUnavailable, match=r"iic/ofa_x.*modelscope download --model iic/ofa_x"):
        resolve("iic/ofa_x", download=False)


def test_a_downloaded_modelscope_model_is_found_in_its_cache(tmp_path: Path, reference_dir: Path) -> None:
    shutil.copytree(reference_dir, tmp_path / "models" / "iic" / "ofa_tiny")
    code = (
        "from rerank import EntailmentReranker as R; r = R.from_pretrained('iic/ofa_tiny', download=False);"
        f"print(r.name, r.score([({str(reference_dir / 'images' / 'coffee.png')!r}, 'a cup')]).shape)"
    )
    # A process of its own: modelscope reads its setting once.
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MODELSCOPE_CACHE": str(tmp_path), "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "iic/ofa_tiny (1, 3)", done.stderr


@pytest.mark.parametrize("name", ["no such model", "./missing/dir", "nonsense"])
def test_a_name_that_is_nothing_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="neither 'bundled'"):
        resolve(name)


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("config.json", {"resnet_type": "resnet7"}, "resnet_type = 'resnet7'"),
        ("config.json", {"normformer": False}, "normformer = False is not supported"),
        ("config.json", {"encoder_attention_heads": 5}, "not divisible by 5"),
        ("config.json", {"encoder_layers": 3}, r"weights missing: encoder\.\S+\.2\."),
        ("config.json", {"d_model": 128}, "of another shape"),
        ("configuration.json", {"task": "image-captioning"}, "visual-entailment model is needed"),
        ("answer2label.json", {"perhaps": 3}, "yes, maybe and no are expected"),
    ],
)
def test_what_is_not_supported_is_named(model_dir: Path, file: str, changes: dict[str, Any], message: str) -> None:
    edit(model_dir / file, **changes)
    with pytest.raises(ModelInvalid, match=message):
        EntailmentReranker.from_pretrained(str(model_dir))


@pytest.mark.parametrize("file", ["config.json", "vocab.json", "merges.txt", "pytorch_model.bin", "answer2label.json"])
def test_a_missing_file_is_named(model_dir: Path, file: str) -> None:
    (model_dir / file).unlink()
    with pytest.raises(ModelInvalid, match=file):
        EntailmentReranker.from_pretrained(str(model_dir))


def test_weights_are_data_never_code(model_dir: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (canary,)

    with (model_dir / "pytorch_model.bin").open("wb") as file:
        pickle.dump({"encoder.layer_norm.weight": Bomb()}, file, protocol=2)
    with pytest.raises(ModelInvalid, match="cannot be read as plain weights"):
        EntailmentReranker.from_pretrained(str(model_dir))
    assert not canary.exists()


def test_extra_tensors_of_real_checkpoints_are_no_obstacle(model_dir: Path) -> None:
    weights = torch.load(model_dir / "pytorch_model.bin", weights_only=True)
    weights["encoder.token_rp_bucket"] = torch.zeros(4, 4, dtype=torch.int64)
    weights["decoder.image_position_idx"] = torch.zeros(8, dtype=torch.int64)
    torch.save(weights, model_dir / "pytorch_model.bin")
    EntailmentReranker.from_pretrained(str(model_dir))


def test_an_unknown_tensor_is_refused(model_dir: Path) -> None:
    weights = torch.load(model_dir / "pytorch_model.bin", weights_only=True)
    weights["encoder.adapter.weight"] = torch.zeros(2)
    torch.save(weights, model_dir / "pytorch_model.bin")
    with pytest.raises(ModelInvalid, match=r"weights unknown: encoder\.adapter\.weight"):
        EntailmentReranker.from_pretrained(str(model_dir))
