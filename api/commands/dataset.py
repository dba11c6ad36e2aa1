"""``veralens dataset convert``: tables of labelled pairs from and to Hugging Face's `datasets`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api import console, pair_options
from api.commands import options

dataset = typer.Typer(name="dataset", help="Labelled pairs in other forms.", no_args_is_help=True)
TABLES = (".csv", ".tsv", ".jsonl")


class Kind(StrEnum):
    imagefolder = "imagefolder"
    parquet = "parquet"
    arrow = "arrow"


@dataset.callback()
def about() -> None:
    """Labelled pairs in other forms."""


@dataset.command()
def convert(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A table of pairs, or an imagefolder, parquet, or saved dataset.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="A new folder for the result.")],
    to: Annotated[Kind, typer.Option(help="Of a table: what becomes of it.")] = Kind.parquet,
    images: pair_options.Images = None,
    image_column: pair_options.ImageColumn = "image_path",
    premise_column: pair_options.PremiseColumn = "premise",
    hypothesis_column: pair_options.HypothesisColumn = "hypothesis",
    label_column: pair_options.LabelColumn = "label",
    as_json: options.Json = False,
) -> None:
    """Convert a table of pairs into a Hugging Face dataset, or a dataset into a table (FOLDER/pairs.csv).

    Exit 1 if rows had to be left out.
    """
    from rerank.finetune.converting import from_table, to_table
    from rerank.finetune.pairs import Columns

    columns = Columns(image_column, premise_column, hypothesis_column, label_column)
    if source.suffix.lower() in TABLES:
        table = pair_options.read_table(source, columns, images, labelled=False)
        pair_options.note_problems(table.problems)
        done = from_table(table, output, to.value)
    else:
        done = to_table(source, output, columns)
    if as_json:
        console.document({"path": str(done.path), "rows": done.rows, "left_out": done.left_out})
    else:
        console.fields([("written", str(done.path)), *((name, f"{count} rows") for name, count in done.rows.items())])
    for reason, count in done.left_out.items():
        console.note(f"{count} rows left out: {reason}")
    if done.left_out:
        raise typer.Exit(1)
