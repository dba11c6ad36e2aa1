"""What the command line shows: documents on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

COLOURS = {"entailment": "green", "neutral": "yellow", "contradiction": "red"}


def document(value: Mapping[str, Any]) -> None:
    """One JSON document on stdout."""
    print_out(json.dumps(value, ensure_ascii=False, indent=2))


def print_out(text: str) -> None:
    """Text on stdout; what it cannot show, such as a path that is not UTF-8, becomes a question mark."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), flush=True)


def note(text: str) -> None:
    """A message on stderr."""
    encoding = sys.stderr.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), file=sys.stderr, flush=True)


def fail(message: str) -> None:
    """An error as one line on stderr."""
    note("veralens: " + " ".join(message.split()))


def coloured(label: str, width: int = 0) -> str:
    """A label in its colour where stdout is a terminal."""
    text = label.ljust(width)
    return typer.style(text, fg=COLOURS[label]) if sys.stdout.isatty() and label in COLOURS else text


class Bar:
    """A progress bar on stderr: call it with (done, total)."""

    def __init__(self, bar: RichProgress, title: str) -> None:
        self._bar = bar
        self._task = bar.add_task(title, total=None)

    def __call__(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total)


@contextmanager
def progress(title: str) -> Iterator[Bar | None]:
    """A bar on stderr; None where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Bar(bar, title)


def hits(found: Mapping[str, Any]) -> None:
    """The hits of a search response as a table."""
    if not found["hits"]:
        print_out("no picture matches")
    else:
        print_out(_row("rank", "score", "entailment", "similarity", "label".ljust(13), "path"))
    for rank, hit in enumerate(found["hits"], start=1):
        label = coloured(hit["label"] or "-", 13)
        columns = (_number(hit["score"]), _number(hit["entailment"]), _number(hit["similarity"]))
        print_out(_row(str(rank), *columns, label, hit["path"]))
    took = found["took_ms"]
    stages = ", ".join(f"{stage} {took[stage]:.0f}" for stage in ("encode", "retrieve", "rerank"))
    images = found["collection"]["images"]
    note(f"{images} images searched in {took['total']:.0f} ms ({stages})")
    if found["degraded"]:
        note(f"note: {found['degraded']}")


def fields(rows: Sequence[tuple[str, str]]) -> None:
    """Names and values, one pair a line, aligned."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        print_out(f"{name.ljust(width)}  {value}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _row(rank: str, score: str, entailment: str, similarity: str, label: str, path: str) -> str:
    return f"{rank:>4}  {score:>6}  {entailment:>10}  {similarity:>10}  {label}  {path}"
