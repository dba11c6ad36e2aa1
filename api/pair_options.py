"""What the commands over labelled pairs share: their options, the table, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rerank.finetune.pairs import Columns, PairTable, Problem

SHOWN_PROBLEMS = 50

Images = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where the table's paths begin.  (default: beside the table)")
]
ImageColumn = Annotated[str, typer.Option(metavar="NAME", help="The column of pictures.")]
PremiseColumn = Annotated[str, typer.Option(metavar="NAME", help="The column of what is known beside the picture.")]
HypothesisColumn = Annotated[str, typer.Option(metavar="NAME", help="The column of statements.")]
LabelColumn = Annotated[str, typer.Option(metavar="NAME", help="The column of labels.")]


def read_table(path: Path, columns: Columns, images: Path | None, *, labelled: bool = True) -> PairTable:
    """The table's rows, before any model is loaded."""
    from rerank.errors import InputError
    from rerank.finetune.pairs import read_pairs

    if images is not None and not images.is_dir():
        raise InputError(f"--images {images}: no such folder")
    return read_pairs(path, columns, images=images, labelled=labelled)


def check_usable(table: PairTable) -> None:
    """Refuse a table without any row that can be used, naming what is wrong with the first."""
    from rerank.errors import InputError

    if not table.pairs:
        raise InputError(f"{table.path}: none of its {table.rows} rows can be used ({table.problems[0]})")


def note_problems(problems: Sequence[Problem]) -> None:
    """Name each row that cannot be used, on stderr."""
    for problem in problems[:SHOWN_PROBLEMS]:
        console.note(f"  {problem}")
    if len(problems) > SHOWN_PROBLEMS:
        console.note(f"  and {len(problems) - SHOWN_PROBLEMS} more")


def check_output(path: Path, suffixes: Sequence[str]) -> Path:
    """``path`` if a file of such a kind can be written there; InputError otherwise."""
    from rerank.errors import InputError

    if path.suffix.lower() not in suffixes:
        raise InputError(f"{path}: name a file that ends in {' or '.join(suffixes)}")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file")
    return path
