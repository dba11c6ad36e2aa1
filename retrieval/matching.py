"""Questions of searches to the catalogue: which images a filter lets through, and what they are captioned."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from retrieval.bitmaps import Bitmap, bitmap_of
from retrieval.catalog import Catalog
from retrieval.checksums import check_rows, columns
from retrieval.filter_fields import Span, words_of
from retrieval.filters import All, Any, Condition, Filter, Node, Not
from retrieval.segments import Row

MOST_CAPTIONS = 5_000
_HAS_WORDS = "caption_has_words"

# SQL with a question mark for each value; nothing that a user wrote is ever part of the SQL itself.
Clause = tuple[str, list[object]]


def some_captions(catalog: Catalog) -> list[str]:
    """Different captions of the collection, shortest first; no more than some thousands."""
    query = "SELECT DISTINCT caption FROM path WHERE caption <> '' ORDER BY length(caption), caption LIMIT ?"
    return [row[0] for row in catalog.connection.execute(query, (MOST_CAPTIONS,))]


def located(catalog: Catalog, keys: Sequence[int]) -> dict[int, tuple[str, Row]]:
    """Id and embedding's place of each image that still is there, by key: ``ids`` and ``rows_of`` in one question."""
    names = columns("image", "t", checked=catalog.checked)
    query = f"SELECT {names} FROM image t WHERE t.key IN ({{}}) AND EXISTS (SELECT 1 FROM path WHERE image = t.key)"  # noqa: S608
    rows = check_rows("image", catalog.where_in(query, keys))
    return {key: (name, Row(key, segment, row, crc)) for key, name, *_, segment, row, crc in rows}


def matching_keys(catalog: Catalog, wanted: Filter) -> Bitmap:
    """The keys of the images that ``wanted`` lets through."""
    _register(catalog.connection)
    roots = [root.path for root in catalog.roots()]
    clause, values = _clause(wanted.tree, roots)
    found = catalog.connection.execute(f"SELECT i.key FROM image AS i WHERE {clause}", values)  # noqa: S608
    return bitmap_of(np.fromiter((row[0] for row in found), dtype=np.int64))


class Matches:
    """``matching_keys`` with the latest answers kept: pages and corrected queries come with the same filter."""

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, int], Bitmap] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, catalog: Catalog, wanted: Filter) -> Bitmap:
        """The keys that ``wanted`` lets through at the catalogue's generation. Thread-safe."""
        place = (wanted.text, catalog.generation())
        with self._lock:
            if place in self._kept:
                self._kept.move_to_end(place)
                return self._kept[place]
        found = matching_keys(catalog, wanted)
        with self._lock:
            self._kept[place] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found


def _clause(node: Node, roots: list[bytes]) -> Clause:
    if isinstance(node, Not):
        clause, values = _clause(node.term, roots)
        return f"NOT ({clause})", values
    if isinstance(node, All | Any):
        word = " AND " if isinstance(node, All) else " OR "
        clauses = [_clause(term, roots) for term in node.terms]
        return "(" + word.join(clause for clause, _ in clauses) + ")", [one for _, some in clauses for one in some]
    if node.field in _OF_IMAGE:
        return f"i.{_OF_IMAGE[node.field]} {node.operator} ?", [node.value]
    clause, values = _of_path(node, roots)
    # Also what one path fulfils and another does not: an image is found by any of its paths.
    return f"i.key IN (SELECT p.image FROM path AS p WHERE {clause})", values  # noqa: S608


_OF_IMAGE = {"width": "width", "height": "height", "size": "bytes", "format": "format"}


def _of_path(condition: Condition, roots: list[bytes]) -> Clause:
    value = condition.value
    if isinstance(value, Span):
        return _of_date(condition.operator, value)
    text = str(value)
    if condition.field == "folder":
        return _of_folder(text, roots)
    if condition.field == "path":
        patterns = [text] if text.startswith(("/", "*")) else [text, f"*/{text}"]
        return "(" + " OR ".join("p.display GLOB ?" for _ in patterns) + ")", list(patterns)
    if condition.field == "tag":
        # json_each is slow, and most paths have no tag.
        named = "SELECT 1 FROM json_each(p.tags) AS t WHERE t.value = ? COLLATE NOCASE"
        return f"p.tags <> '[]' AND EXISTS ({named})", [text]
    # LIKE is quick and says nothing of word ends; beyond ASCII it minds case, which must not leave anything out.
    likely = [f"%{word}%" for word in words_of(text) if word.isascii() and "_" not in word]
    return " AND ".join(["p.caption LIKE ?"] * len(likely) + [f"{_HAS_WORDS}(p.caption, ?)"]), [*likely, text]


def _of_folder(text: str, roots: list[bytes]) -> Clause:
    """Beneath a folder: an absolute one, or one beneath a root, the root's own name before it or not."""
    name = os.fsencode(text).strip(b"/") if not text.startswith("/") else os.fsencode(text).rstrip(b"/")
    if text.startswith("/"):
        folders = [name]
    else:
        folders = [root.rstrip(b"/") + b"/" + name for root in roots]
        folders += [
            os.path.join(os.path.dirname(root.rstrip(b"/")), name)  # noqa: PTH118, PTH120
            for root in roots
            if name.split(b"/")[0] == os.path.basename(root.rstrip(b"/"))  # noqa: PTH119
        ]
    # "0" follows "/": the range holds exactly what starts with the folder and a slash.
    spans = [bound for folder in folders for bound in (folder + b"/", folder + b"0")]
    return "(" + " OR ".join(["(p.path >= ? AND p.path < ?)"] * len(folders) or ["0"]) + ")", list(spans)


def _of_date(operator: str, span: Span) -> Clause:
    if operator == "=":
        return "p.mtime_ns >= ? AND p.mtime_ns < ?", [span.start, span.end]
    # After a month is after its end, up to a month includes all of it.
    edge = span.end if operator in (">", "<=") else span.start
    return f"p.mtime_ns {'>=' if operator.startswith('>') else '<'} ?", [edge]


@lru_cache(maxsize=64)
def _wanted_words(text: str) -> frozenset[str]:
    return frozenset(words_of(text))


def _has_words(caption: str | None, wanted: str) -> bool:
    return caption is not None and _wanted_words(wanted) <= set(words_of(caption))


def _register(connection: sqlite3.Connection) -> None:
    connection.create_function(_HAS_WORDS, 2, _has_words, deterministic=True)
