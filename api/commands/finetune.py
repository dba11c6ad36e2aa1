"""``veralens finetune``: teach the reranker your own pictures, from a table of labelled pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api import console, pair_options
from api.commands import options

if TYPE_CHECKING:
    from rerank.finetune.run import Outcome, Prepared

Config = Annotated[Path | None, typer.Option("--config", metavar="FILE.toml", help="Settings; see docs/finetuning.md.")]
Validation = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A table to validate with; else a fifth is held out.")
]
Whole = Annotated[int | None, typer.Option(metavar="N", min=1)]
Real = Annotated[float | None, typer.Option(metavar="X", min=0.0)]
Targets = Annotated[
    str | None, typer.Option(metavar="NAMES", help="Projections, with commas.  (default: q_proj,v_proj)")
]


def finetune(
    table: Annotated[
        Path,
        typer.Argument(metavar="DATA.csv", help="Columns image_path, premise, hypothesis, label; split if you like."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="ADAPTER", help="The folder that the adapter goes into.")
    ],
    reranker: Annotated[
        str | None, typer.Option("--reranker", metavar="MODEL", help="The base model.  (default: bundled)")
    ] = None,
    validation: Validation = None,
    config: Config = None,
    r: Annotated[int | None, typer.Option("--r", metavar="N", min=1, help="LoRA's rank.  (default: 8)")] = None,
    alpha: Annotated[float | None, typer.Option(metavar="X", help="LoRA's scale times r.  (default: 16)")] = None,
    dropout: Annotated[float | None, typer.Option(metavar="X", help="LoRA's dropout.  (default: 0.1)")] = None,
    targets: Targets = None,
    head: Annotated[bool | None, typer.Option("--head", help="Train the head in full as well.")] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="(default: 20)")] = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", help="Pairs at once on a device.  (default: 4)")
    ] = None,
    accumulate: Annotated[int | None, typer.Option(metavar="N", help="Batches to a step.  (default: 1)")] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", "--lr", metavar="X", help="At 4 pairs a step.  (default: 2e-4)")
    ] = None,
    balance: Annotated[bool | None, typer.Option("--balance", help="Weigh rare classes more.")] = None,
    patience: Annotated[
        int | None, typer.Option(metavar="N", help="Epochs without gain; 0: all.  (default: 5)")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="(default: 0)")] = None,
    precision: Annotated[str | None, typer.Option(metavar="P", help="auto, fp32 or bf16.")] = None,
    device: Annotated[str | None, typer.Option(metavar="NAME", help="cpu or cuda.  (default: the GPU if any)")] = None,
    images: pair_options.Images = None,
    image_column: pair_options.ImageColumn = "image_path",
    premise_column: pair_options.PremiseColumn = "premise",
    hypothesis_column: pair_options.HypothesisColumn = "hypothesis",
    label_column: pair_options.LabelColumn = "label",
    split_column: Annotated[str, typer.Option(metavar="NAME", help="The column of train, validation, test.")] = "split",
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out rows that cannot be used.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew what this folder holds.")] = False,
    check_only: Annotated[bool, typer.Option("--check-only", help="Check the table and the split, and stop.")] = False,
    as_json: options.Json = False,
) -> None:
    """Fine-tune the reranker on labelled pairs (LoRA).

    Checks the table first and names what is wrong with it by line. A run that was stopped goes on where it was.
    """
    from rerank.finetune.pairs import Columns, TableInvalid
    from rerank.finetune.run import finetune as train
    from rerank.finetune.run import prepare
    from rerank.finetune.settings import FinetuneSettings
    from retrieval.presets import reranker_of

    flags: dict[str, Any] = {
        "r": r, "alpha": alpha, "dropout": dropout, "head": head, "epochs": epochs, "batch_size": batch_size,
        "accumulate": accumulate, "learning_rate": learning_rate, "balance": balance, "patience": patience,
        "seed": seed, "precision": precision,
        "targets": None if targets is None else tuple(name.strip() for name in targets.split(",") if name.strip()),
    }  # fmt: skip
    chosen = FinetuneSettings() if config is None else FinetuneSettings.from_toml(config)
    chosen = chosen.changed({name: value for name, value in flags.items() if value is not None})
    columns = Columns(image_column, premise_column, hypothesis_column, label_column, split_column)
    settings = options.settings_for(reranker=reranker, device=device)
    base = "bundled" if settings.reranker in (None, "auto") else reranker_of(str(settings.reranker))
    try:
        read = pair_options.read_table(table, columns, images)
        other = None if validation is None else pair_options.read_table(validation, columns, images)
        prepared = prepare(read, chosen, validation=other, skip_bad=skip_bad)
        _say(prepared)
        if check_only:
            _show_checked(prepared, as_json=as_json)
            return
        with console.progress("training") as progress:
            done = train(prepared, output, base=base, settings=chosen, device=settings.device, restart=restart,
                         progress=progress, notify=console.note)  # fmt: skip
    except TableInvalid as error:
        pair_options.note_problems(error.problems)
        raise
    _show(done, prepared, as_json=as_json)


def _say(prepared: Prepared) -> None:
    for text in prepared.warnings:
        console.note(f"note: {text}")
    if prepared.left_out:
        console.note(f"{len(prepared.left_out)} rows left out:")
        pair_options.note_problems(prepared.left_out)


def _show_checked(prepared: Prepared, *, as_json: bool) -> None:
    from rerank.finetune.checks import class_balance

    parts = {"training": prepared.split.training, "validation": prepared.split.validation}
    found = {
        name: {"rows": len(rows), "images": len({prepared.keys[row] for row in rows}), "labels": class_balance(rows)}
        for name, rows in parts.items()
    }
    if as_json:
        left = [{"line": one.line, "reason": one.reason} for one in prepared.left_out]
        console.document({**found, "left_out": left, "warnings": list(prepared.warnings)})
        return
    console.fields(
        [(name, f"{one['rows']} rows on {one['images']} pictures, {one['labels']}") for name, one in found.items()]
    )


def _show(done: Outcome, prepared: Prepared, *, as_json: bool) -> None:
    best = done.record["validation"]
    if as_json:
        left = [{"line": one.line, "reason": one.reason} for one in prepared.left_out]
        console.document({"adapter": str(done.folder), **done.record, "left_out": left})
        return
    rows = [("adapter", str(done.folder)), ("base", done.record["base"]["name"])]
    rows.append(("trained", f"{done.record['parameters']['trained']:,} parameters, {done.record['steps']} steps"))
    if best:
        rows.append(
            ("validation", f"accuracy {best['accuracy']:.3f}, macro F1 {best['f1']:.3f}, at step {best['step']}")
        )
    rows.append(("curves", str(done.folder / "curves.png")))
    console.fields(rows)
