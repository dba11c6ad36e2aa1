"""``veralens check``: one picture against one text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api import console
from api.commands import options


def check(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture's file.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The statement to hold against it.")],
    premise: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What is known of the picture beside its pixels.")
    ] = None,
    models: options.Models = None,
    reranker: options.Reranker = None,
    as_json: options.Json = False,
) -> None:
    """Check one picture against one text.

    Prints how probable it is that the picture entails the text, leaves it open, or contradicts it.
    """
    from api.schemas import EntailmentResponse
    from rerank import Entailment, EntailmentReranker, InputError
    from rerank.images import load_image
    from retrieval.presets import reranker_of

    if not text.strip():
        raise InputError("TEXT is empty; say what the picture should show")
    settings = options.settings_for(models=models, reranker=reranker)
    picture = load_image(image, max_pixels=settings.max_pixels)
    name = "bundled" if settings.reranker in (None, "auto") else reranker_of(str(settings.reranker))
    with EntailmentReranker.from_pretrained(name, device=settings.device, precision=settings.precision) as judge:
        verdict = Entailment(*judge.score([(picture, text.strip(), premise)])[0].tolist())
        answer = EntailmentResponse.of(verdict, judge.name).model_dump()
    if as_json:
        console.document(answer)
        return
    console.print_out(console.coloured(verdict.label))
    console.fields([(name, f"{answer[name]:.3f}") for name in ("entailment", "neutral", "contradiction")])
