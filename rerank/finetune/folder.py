"""An adapter's folder: peft's files, what they were made from, and the rows that were held out."""

from __future__ import annotations

import csv
import json
import os
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rerank.adapters import CONFIG_FILE, RECORD_FILE, WEIGHTS_FILE
from rerank.finetune.checks import ImageKeys, class_balance, data_fingerprint
from rerank.finetune.history import CURVES_FILE
from rerank.finetune.network import Base
from rerank.finetune.pairs import LabelledPair
from rerank.finetune.settings import FinetuneSettings
from rerank.finetune.splits import Split

if TYPE_CHECKING:
    from peft import PeftModel

ROWS = {"training": "train.csv", "validation": "validation.csv"}
HEADER = ("image_path", "premise", "hypothesis", "label")


def save_adapter(model: PeftModel, folder: Path) -> None:
    """Write peft's two files, each whole or not at all."""
    aside = folder / ".saving"
    shutil.rmtree(aside, ignore_errors=True)
    with warnings.catch_warnings():
        # It looks for a transformers configuration of the base, to see whether the vocabulary has grown.
        warnings.simplefilter("ignore")
        model.save_pretrained(str(aside), save_embedding_layers=False)
    for name in (WEIGHTS_FILE, CONFIG_FILE):
        (aside / name).replace(folder / name)
    shutil.rmtree(aside)


def write_rows(split: Split, folder: Path) -> None:
    """Write which rows were trained on and which were held out, as tables that these commands read."""
    for part, name in ROWS.items():
        write_table(folder / name, HEADER, [_row(pair, folder) for pair in getattr(split, part)])


def write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A CSV, whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    temporary.replace(path)


def relative_path(image: Path, folder: Path) -> str:
    """``image`` as a table in ``folder`` names it."""
    return os.path.relpath(image.resolve(), folder.resolve())


def describe(base: Base, split: Split, keys: ImageKeys, settings: FinetuneSettings) -> dict[str, Any]:
    """What an adapter was made from; figures are added as they come."""
    parts = {"training": split.training, "validation": split.validation}
    return {
        "format": 1,
        "base": {"name": _lasting(base), "fingerprint": base.fingerprint},
        "data": {
            "fingerprint": data_fingerprint([*split.training, *split.validation], keys),
            **{
                name: {"rows": len(rows), "images": len({keys[pair] for pair in rows}), "labels": class_balance(rows)}
                for name, rows in parts.items()
            },
        },
        "settings": {**asdict(settings), "targets": list(settings.targets)},
    }


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write RECORD_FILE and the card."""
    for name, text in ((RECORD_FILE, json.dumps(record, indent=2) + "\n"), ("README.md", _card(record))):
        temporary = folder / (name + ".tmp")
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
        temporary.replace(folder / name)


def _lasting(base: Base) -> str:
    """The base's name, which for a directory must not depend on where it was named from."""
    return str(base.directory.resolve()) if Path(base.name).expanduser().is_dir() else base.name


def _row(pair: LabelledPair, folder: Path) -> tuple[str, str, str, str]:
    return relative_path(pair.image, folder), pair.premise or "", pair.hypothesis, pair.label or ""


def _card(record: dict[str, Any]) -> str:
    base, data, best = record["base"], record["data"], record.get("validation") or {}
    rows = "\n".join(
        f"| {name} | {data[name]['rows']} | {data[name]['images']} | "
        + " | ".join(str(count) for count in data[name]["labels"].values())
        + " |"
        for name in ("training", "validation")
    )
    figures = f"Best validation accuracy {best['accuracy']:.3f} at step {best['step']}." if best else ""
    return f"""---
base_model: {base["name"]}
library_name: peft
pipeline_tag: visual-question-answering
tags: [lora, visual-entailment, veralens]
---
# Adapter of `{base["name"]}`

LoRA for OFA visual entailment, made by `veralens finetune`. {figures}

| rows | | pictures | entailment | neutral | contradiction |
|---|---|---|---|---|---|
{rows}

![curves]({CURVES_FILE})

Use it with `--reranker {base["name"]} --adapter DIR`, or `EntailmentReranker.from_pretrained(..., adapter=DIR)`.
Base fingerprint `{base["fingerprint"]}`, data fingerprint `{data["fingerprint"]}`.
"""
