"""Pages of one ranking that stays as it was, whatever happens to the collection meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer import build_collection
from rerank import Entailment
from retrieval.collection import Collection
from retrieval.engine import SearchEngine
from retrieval.errors import CursorError
from retrieval.paging import Frozen, Rankings
from retrieval.ranking import Place, Ranked
from retrieval.types import SearchResult
from tests.fakes import ColourEncoder
from tests.pictures import paint, shade

PICTURES = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(PICTURES):
        paint(tmp_path / "photos" / f"{number:02d}.png", shade(number + 1))
    return tmp_path / "photos"


@pytest.fixture
def engine(folder: Path) -> Iterator[SearchEngine]:
    encoder = ColourEncoder()
    build_collection([folder], folder.parent / "c", encoder=encoder)
    with Collection.open(folder.parent / "c") as collection:
        yield SearchEngine(collection, encoder, None)


def ids(result: SearchResult) -> list[str]:
    return [hit.id for hit in result.hits]


def every_page(engine: SearchEngine, size: int, cursor: str | None) -> list[str]:
    found: list[str] = []
    while cursor is not None:
        page = engine.search(cursor=cursor, top_k=size)
        found += ids(page)
        cursor = page.next_cursor
    return found


def test_the_pages_together_are_the_whole(engine: SearchEngine) -> None:
    whole = engine.search("red", top_k=PICTURES, rerank=False)
    assert whole.next_cursor is None
    first = engine.search("red", top_k=7, rerank=False)
    assert first.next_cursor is not None
    assert ids(first) + every_page(engine, 7, first.next_cursor) == ids(whole)
    # A page may be read again, and in other sizes.
    assert ids(first) + every_page(engine, 11, first.next_cursor) == ids(whole)
    again = engine.search(cursor=first.next_cursor, top_k=3)
    assert (again.query, again.reranked, again.hits) == ("red", False, whole.hits[7:10])


def test_the_pages_hold_the_candidates_and_no_more(engine: SearchEngine) -> None:
    first = engine.search("red", top_k=5, candidates=12, rerank=False)
    assert len(ids(first) + every_page(engine, 5, first.next_cursor)) == 12


def test_what_changes_between_pages_shifts_nothing(engine: SearchEngine, folder: Path) -> None:
    whole = ids(engine.search("red", top_k=PICTURES, rerank=False))
    first = engine.search("red", top_k=10, rerank=False)
    gone = list(whole[10:20:3])
    for image in gone:
        engine.collection.file(image).unlink()
    paint(folder / "new.png", "red")
    build_collection([folder], folder.parent / "c", encoder=ColourEncoder())
    assert engine.refresh()
    rest = every_page(engine, 4, first.next_cursor)
    assert rest == [one for one in whole[10:] if one not in gone]
    # Pages are full as long as there is something to fill them with.
    assert len(engine.search(cursor=first.next_cursor, top_k=10).hits) == 10


def test_removals_while_pages_are_turned(engine: SearchEngine, folder: Path) -> None:
    problems: list[BaseException] = []
    whole = ids(engine.search("red", top_k=PICTURES, rerank=False))
    # Removing takes turns with paging: what is removed must be missing or have been shown before, never twice.
    done = threading.Event()

    def remove() -> None:
        try:
            for image in whole[5:25:4]:
                engine.collection.file(image).unlink()
                build_collection([folder], folder.parent / "c", encoder=ColourEncoder())
                engine.refresh()
        except BaseException as error:
            problems.append(error)
        finally:
            done.set()

    first = engine.search("red", top_k=5, rerank=False)
    thread = threading.Thread(target=remove)
    thread.start()
    while not done.is_set():
        found = ids(first) + every_page(engine, 5, first.next_cursor)
        assert len(found) == len(set(found))
        assert found == [one for one in whole if one in set(found)]
        assert set(whole) - set(found) <= set(whole[5:25:4])
    thread.join()
    assert problems == []
    assert ids(first) + every_page(engine, 5, first.next_cursor) == [w for w in whole if w not in whole[5:25:4]]


def test_a_cursor_belongs_to_its_search(engine: SearchEngine) -> None:
    cursor = engine.search("red", top_k=5, rerank=False, filter="width > 1").next_cursor
    assert engine.search("red", top_k=6, rerank=False, filter="width > 1", cursor=cursor).hits
    for other in ({"query": "blue", "filter": "width > 1"}, {"query": "red"}, {"query": "red", "filter": "width > 2"}):
        with pytest.raises(CursorError, match="belongs to another search"):
            engine.search(**other, rerank=False, cursor=cursor)  # type: ignore[arg-type]


def test_an_altered_cursor_is_refused(engine: SearchEngine) -> None:
    cursor = engine.search("red", top_k=5, rerank=False).next_cursor
    assert cursor is not None
    assert len(cursor) < 100
    for place in range(len(cursor) - 1):
        altered = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(CursorError, match="begin again without a cursor"):
            engine.search(cursor=altered)
    for nonsense in ("", "x", "é" * 10, cursor + "AAAA", "A" * 10_000):
        with pytest.raises(CursorError):
            engine.search(cursor=nonsense)
    with pytest.raises(CursorError):
        SearchEngine(engine.collection, engine.encoder, None).search(cursor=cursor)


def frozen(places: int) -> Frozen:
    one = Place("img_" + "0" * 20, 0.5, 0.5, Entailment(0.1, 0.2, 0.7))
    return Frozen("q", "q", Ranked((one,) * places, True))


def test_rankings_are_kept_for_a_time_and_within_a_budget() -> None:
    now = 0.0
    rankings = Rankings(most_bytes=400 * 100, seconds=60, clock=lambda: now)
    cursor = rankings.cursor(rankings.keep(frozen(10)), 3)
    now = 50.0
    assert len(rankings.open(cursor).rest) == 7
    now = 105.0  # 55 seconds after it was last used
    assert rankings.open(cursor).offset == 3
    now = 166.0
    with pytest.raises(CursorError, match="begin again"):
        rankings.open(cursor)
    cursors = [rankings.cursor(rankings.keep(frozen(30)), 0) for _ in range(5)]
    for old in cursors[:2]:
        with pytest.raises(CursorError):
            rankings.open(old)
    for new in cursors[2:]:
        assert rankings.open(new).rest
