"""``veralens check``: one picture against one text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api import console
from api.commands import options

if TYPE_CHECKING:
    from rerank import Explanation

PROBABILITIES = ("entailment", "neutral", "contradiction")


def check(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture's file.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The statement to hold against it.")],
    premise: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What is known of the picture beside its pixels.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Judge each part of TEXT as well, and name the words that are wrong.")
    ] = False,
    heatmap: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Write where in the picture the evidence lies; implies --explain."),
    ] = None,
    models: options.Models = None,
    reranker: options.Reranker = None,
    adapter: options.Adapter = None,
    as_json: options.Json = False,
) -> None:
    """Check one picture against one text.

    Prints how probable it is that the picture entails the text, leaves it open, or contradicts it. Tips on what no
    picture can prove go to stderr.
    """
    from api.explain_schemas import ExplainResponse
    from api.heatmap import write_heatmap
    from api.schemas import EntailmentResponse
    from rerank import Entailment, InputError, advise
    from rerank.images import load_image

    if not text.strip():
        raise InputError("TEXT is empty; say what the picture should show")
    settings = options.settings_for(models=models, reranker=reranker, adapter=adapter)
    picture = load_image(image, max_pixels=settings.max_pixels)
    explanation: Explanation | None = None
    with options.loaded_reranker(settings) as judge:
        if explain or heatmap is not None:
            explanation = judge.explain(picture, text, premise, regions=heatmap is not None)
            answer = ExplainResponse.of(explanation, judge.name, regions=heatmap is not None).model_dump()
        else:
            verdict = Entailment(*judge.score([(picture, text.strip(), premise)])[0].tolist())
            answer = EntailmentResponse.of(verdict, judge.name).model_dump()
    if heatmap is not None and explanation is not None and explanation.regions is not None:
        write_heatmap(heatmap, picture, explanation.regions)
    for tip in advise(text):
        console.note(f"tip: {tip.message}")
    if as_json:
        console.document(answer)
    else:
        _show(answer)


def _show(answer: dict[str, Any]) -> None:
    console.print_out(console.coloured(answer["label"]))
    console.fields([(name, f"{answer[name]:.3f}") for name in PROBABILITIES])
    parts = answer.get("parts", [])
    if not parts:
        return
    shown = [f"{'  ' * (part['item'] is not None)}{part['text']}" for part in parts]
    width = max(map(len, shown))
    console.print_out("")
    for text, part in zip(shown, parts, strict=True):
        console.print_out(f"{text.ljust(width)}  {part['entailment']:.3f}  {console.coloured(part['label'])}")
    for culprit in answer["culprits"]:
        console.print_out(f"not in the picture: “{culprit['text']}” (costs {culprit['cost']:.3f})")
