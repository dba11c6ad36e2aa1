"""``veralens demo``: the main job, on sample pictures and with the bundled models."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote_plus

import typer

from api import console
from api.commands import options

if TYPE_CHECKING:
    from api.settings import Settings
    from retrieval import SearchEngine

QUERY = "blue denim jeans"
EXAMPLES = 6
# Mostly by entailment: the sample pictures are of the kind that the bundled reranker was trained on. For other
# pictures it recommends a far smaller weight, see its card.
FUSION_WEIGHT = 0.8


def demo(
    query: Annotated[str, typer.Option("--query", "-q", metavar="TEXT", help="What to search for.")] = QUERY,
    host: options.Host = None,
    port: options.Port = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Stop after printing the hits.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show the whole on sample pictures.

    Draws the pictures, indexes and searches them, prints the hits, then serves the web page.
    """
    from api.search_schemas import SearchResponse
    from indexer.samples.catalogue import DEMO_CAPTIONS

    settings = options.settings_for(host=host, port=port, examples=tuple(DEMO_CAPTIONS[:EXAMPLES]))
    settings.check_door()
    start = time.monotonic()
    folder = settings.cache_dir / "demo"
    pictures, collection = folder / "pictures", folder / "sample.collection"
    # Whoever tries it out wants no line for each thumbnail.
    quiet = {} if "log_level" in settings.model_fields_set else {"log_level": "warning"}
    settings = settings.model_copy(update={"collection": collection} | quiet)
    with ExitStack() as stack:
        engine = stack.enter_context(_prepare(pictures, collection, settings))
        found = SearchResponse.of(_search(engine, query)).model_dump(mode="json")
        places = {"pictures": str(pictures), "collection": str(collection)}
        _show(found, {"query": query, **places, "seconds": round(time.monotonic() - start, 2)}, as_json)
        if not no_serve:
            stack.pop_all()  # from here on the service closes the engine
            _serve(settings, engine, query, fixed_port=port is not None)


def _prepare(pictures: Path, collection: Path, settings: Settings) -> SearchEngine:
    """The sample pictures and their collection, made on the first run and found on the next ones."""
    from indexer import build_collection
    from indexer.samples.catalogue import write_catalogue
    from rerank import EntailmentReranker
    from retrieval import Collection, SearchEngine, load_encoder
    from retrieval.errors import EncoderMismatch

    console.note(f"sample pictures: {pictures}")
    with console.progress("drawing sample pictures") as progress:
        write_catalogue(pictures, progress=progress)
    # Loaded once for both jobs; ``veralens index`` and ``search`` each load their own.
    encoder = load_encoder("bundled", device=settings.device, precision=settings.precision)
    with console.progress("indexing") as progress:
        try:
            report = build_collection(pictures, collection, encoder=encoder, progress=progress)
        except EncoderMismatch:
            # Left by a version with another bundled model; everything in it can be made again.
            shutil.rmtree(collection)
            report = build_collection(pictures, collection, encoder=encoder, progress=progress)
    console.note(f"collection: {collection} ({report.added} added, {report.unchanged} unchanged)")
    reranker = EntailmentReranker.from_pretrained("bundled", device=settings.device, precision=settings.precision)
    return SearchEngine(Collection.open(collection), encoder, reranker, fusion_weight=FUSION_WEIGHT)


def _search(engine: SearchEngine, query: str) -> Any:
    with console.progress("judging") as progress:
        return engine.search(query, progress=progress)


def _show(found: dict[str, Any], about: dict[str, Any], as_json: bool) -> None:
    if as_json:
        console.document(found | {"demo": about})
    else:
        console.print_out(f'"{about["query"]}"')
        console.hits(found)


def _serve(settings: Settings, engine: SearchEngine, query: str, *, fixed_port: bool) -> None:
    from api.commands import serve
    from api.server import listen
    from rerank.errors import InputError

    try:
        listener = listen(settings.host, settings.port)
    except InputError:
        if fixed_port:
            raise
        listener = listen(settings.host, 0)
    serve.run(settings, listener, open_engine=lambda: engine, path=f"/?q={quote_plus(query)}")
