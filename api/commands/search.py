"""``veralens search``: pictures for a query."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from api import console
from api.commands import options


def search(
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="What the picture should show, as in 'blue denim jeans'.")
    ] = "",
    collection: options.CollectionPath = None,
    top_k: Annotated[int, typer.Option("--top-k", "-k", metavar="N", help="How many hits to show at most.")] = 10,
    candidates: Annotated[
        int, typer.Option(metavar="N", help="How many images stage one hands to the reranker.")
    ] = 100,
    no_rerank: Annotated[bool, typer.Option("--no-rerank", help="Order by similarity alone.")] = False,
    min_entailment: Annotated[float, typer.Option(metavar="P", help="Leave out hits below this probability.")] = 0.0,
    fusion_weight: Annotated[
        float | None,
        typer.Option(metavar="W", min=0.0, max=1.0, help="1 orders by entailment alone, 0 by similarity."),
    ] = None,
    deadline_ms: Annotated[
        float | None,
        typer.Option(metavar="MS", min=1, max=600_000, help="Stop judging by then; the rest follow by similarity."),
    ] = None,
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Look for what looks like this picture, with QUERY or without.")
    ] = None,
    negative: Annotated[
        str | None, typer.Option("--not", metavar="TEXT", help="What the picture should not show.")
    ] = None,
    filter_: Annotated[
        str | None,
        typer.Option("--filter", metavar="EXPR", help="""Only some, as in 'folder = "2024" and width >= 1000'."""),
    ] = None,
    group_duplicates: Annotated[
        bool, typer.Option("--group-duplicates", help="Show pictures that look the same once.")
    ] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare with every image, also where the index would skip some.")
    ] = False,
    models: options.Models = None,
    encoder: options.Encoder = None,
    reranker: options.Reranker = None,
    adapter: options.Adapter = None,
    as_json: options.Json = False,
) -> None:
    """Search a collection.

    Hits are ranked by the probability that each picture entails the query.
    """
    from api.search_schemas import SearchResponse
    from retrieval import SearchEngine

    settings = options.settings_for(collection, models, encoder, reranker, adapter=adapter)
    path = options.needed_collection(settings)
    second = None if no_rerank else settings.reranker
    with (
        SearchEngine.open(
            path,
            encoder=settings.encoder,
            reranker=second,
            adapter=settings.adapter,
            device=settings.device,
            precision=settings.precision,
            fusion_weight=settings.fusion_weight if fusion_weight is None else fusion_weight,
        ) as engine,
        console.progress("judging") as progress,
    ):
        result = engine.search(
            query,
            image=image,
            negative=negative,
            filter=filter_,
            group_duplicates=group_duplicates,
            exact=exact,
            top_k=top_k,
            candidates=candidates,
            rerank=not no_rerank,
            min_entailment=min_entailment,
            deadline_ms=deadline_ms,
            progress=progress,
        )
    # The ranking that a cursor would lead into ends with this process.
    found = SearchResponse.of(replace(result, next_cursor=None)).model_dump(mode="json")
    if as_json:
        console.document(found)
    else:
        console.hits(found)
