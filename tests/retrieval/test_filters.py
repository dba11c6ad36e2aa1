"""The filter language: what it lets through, what it refuses, and that nothing in it reaches SQL."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer import build_collection
from rerank.errors import InputError
from retrieval.collection import Collection
from retrieval.errors import FilterError
from retrieval.filter_fields import FIELDS
from retrieval.filters import All, Any, Condition, Node, Not, parse_filter
from tests.fakes import ColourEncoder
from tests.pictures import paint

ANYTHING = np.ones(12, dtype=np.float32)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """Seven pictures; see the names."""
    root = tmp_path_factory.mktemp("photos") / "album"
    for number, (name, size) in enumerate(
        [
            ("italy/rome/red.png", (100, 50)),
            ("italy/blue.jpg", (200, 100)),
            ("italy2/green.png", (300, 300)),
            ("odd*name/yellow.png", (40, 40)),
            ("grey.bmp", (64, 32)),
            ("it's 'quoted'/cyan.png", (50, 60)),
            ("Ünïcode ß/white.png", (70, 70)),
        ]
    ):
        path = paint(root / name, (number * 30, 255 - number * 30, number * 11), size)
        moment = datetime(2024, number + 1, 17, 12).timestamp()
        os.utime(path, (moment, moment))
    (root / "italy/rome/red.json").write_text('{"caption": "A red shirt, on a chair", "tags": ["Holiday", "ünï"]}')
    (root / "grey.txt").write_text("Shirts and a CHAIR")
    (root / "italy/blue.json").write_text('{"caption": "Größe 50% redder", "tags": ["work"]}')
    build_collection([root], root.parent / "c", encoder=ColourEncoder())
    with Collection.open(root.parent / "c") as opened:
        yield opened


def names(collection: Collection, where: str) -> set[str]:
    found = collection.search(ANYTHING, 100, where=where)
    return {Path(record.paths[0]).stem for record in collection.images([one.id for one in found]).values()}


ALL = {"red", "blue", "green", "yellow", "grey", "cyan", "white"}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("folder = italy", {"red", "blue"}),
        ("folder:italy/rome/", {"red"}),
        ("folder = album/italy", {"red", "blue"}),
        ("folder = album", ALL),
        ("not folder = italy", ALL - {"red", "blue"}),
        ("folder != italy", ALL - {"red", "blue"}),
        ("folder = nowhere", set()),
        ('folder = "odd*name"', {"yellow"}),
        ("folder = odd", set()),
        ("""folder = "it's 'quoted'" """, {"cyan"}),
        (r"folder = 'it\'s \'quoted\''", {"cyan"}),
        ('folder = "Ünïcode ß"', {"white"}),
        ("path = *.png", {"red", "green", "yellow", "cyan", "white"}),
        ("path = red.png", {"red"}),
        ("path = ital*/*", {"red", "blue", "green"}),
        ("path = italy/*", {"red", "blue"}),
        ('path = "*/[gy]re*"', {"green", "grey"}),
        ("tag = holiday", {"red"}),
        ("tag = HOLIDAY or tag = work", {"red", "blue"}),
        ("tag = holi", set()),
        ("tag != holiday", ALL - {"red"}),
        ("caption = shirt", {"red"}),
        ('caption = "chair SHIRT"', {"red"}),
        ("caption = chair", {"red", "grey"}),
        ("caption = größe", {"blue"}),
        ("caption = %", None),
        ("caption = 50", {"blue"}),
        ("format = jpg", {"blue"}),
        ("format = .PNG", {"red", "green", "yellow", "cyan", "white"}),
        ("width >= 200", {"blue", "green"}),
        ("width>100 and height<300", {"blue"}),
        ("WIDTH = 64 OR Height = 40", {"grey", "yellow"}),
        ("width != 64 and not (height <= 70)", {"blue", "green"}),
        ("width = 100 or width = 200 and height = 1", {"red"}),
        ("(width = 100 or width = 200) and height = 1", set()),
        ("size < 1GiB and size > 0", ALL),
        ("size > 5KB", {"grey"}),
        ("date = 2024", ALL),
        ("date = 2024-03", {"green"}),
        ("date = 2024-03-17", {"green"}),
        ("date = 2024-03-18", set()),
        ("date > 2024-05", {"cyan", "white"}),
        ("date >= 2024-06-17", {"cyan", "white"}),
        ("date <= 2024-02", {"red", "blue"}),
        ("date < 2024-02", {"red"}),
        ("not not tag = work", {"blue"}),
    ],
)
def test_what_each_lets_through(collection: Collection, where: str, expected: set[str] | None) -> None:
    if expected is None:
        with pytest.raises(FilterError, match="holds no word"):
            names(collection, where)
    else:
        assert names(collection, where) == expected


def test_an_absolute_folder(collection: Collection) -> None:
    root = collection.info().roots[0]
    assert names(collection, f'folder = "{root}/italy"') == {"red", "blue"}
    assert names(collection, f'path = "{root}/*.png"') == {"red", "green", "yellow", "cyan", "white"}
    assert names(collection, "folder = /") == ALL


@pytest.mark.parametrize(
    ("where", "position", "reason"),
    [
        ("", 1, "a condition is missing here"),
        ("colour = red", 1, "the fields are folder, path, tag, caption, format, width, height, size and date"),
        ("tag = a and", 12, "a condition is missing"),
        ("tag = a tag = b", 9, "`and` or `or` is missing"),
        ("tag", 4, "needs = != and a value"),
        ("tag =", 6, "a value is missing"),
        ("tag > a", 5, "takes = !=, not >"),
        ("width ~ 3", 7, "needs = != < <= > >= and a value"),
        ("(tag = a", 1, "never closed"),
        ("tag = a)", 8, "opens nowhere"),
        ('tag = "a', 7, "quotation mark"),
        ("width > wide", 9, "not a whole number of pixels"),
        ("size > 3 apples", 10, "`and` or `or`"),
        ("size > 3XB", 8, "is not a size, such as"),
        ("date > 2024-13", 8, "is not a date, such as"),
        ("date = 0000", 8, "is not a date"),
        ("width > 99999999999999999999", 9, "whole number"),
        ("path = " + "*a" * 20, 8, "more than 8 stars"),
        ("not " * 60 + "tag = a", 165, "levels"),
        ("and = 3", 1, "is a keyword"),
        ("tag = ''", 7, "is empty"),
        ("tag = '\x00'", 7, "character that no text has"),
        ("x" * 2000, 1, "at most 1000"),
    ],
)
def test_errors_point_at_the_place(where: str, position: int, reason: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(where)
    assert reason in str(caught.value)
    assert str(caught.value).count("filter, character") <= 1
    assert caught.value.position == position
    assert isinstance(caught.value, InputError)


def test_every_example_is_valid() -> None:
    for field in FIELDS.values():
        parse_filter(field.example)


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE image; --", '" OR 1=1', "x') OR 1=1 --", "%", "_", "*", "[", "?", "\\"]
)
def test_values_never_become_sql(collection: Collection, text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert names(collection, f"tag = {quoted}") == set()
    assert names(collection, f"folder = {quoted}") == set()
    assert names(collection, f"path = {quoted}") == (ALL if text == "*" else set())
    assert names(collection, f"format = {quoted}") == set()
    assert names(collection, "width > 0") == ALL


conditions = st.one_of(
    st.tuples(st.sampled_from(["width", "height"]), st.sampled_from(["=", "<", "<=", ">", ">="]), st.integers(0, 400)),
    st.tuples(st.just("format"), st.just("="), st.sampled_from(["PNG", "JPEG", "BMP", "WEBP"])),
).map(lambda parts: Condition(*parts))
trees = st.recursive(
    conditions,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda terms: All(tuple(terms))),
        st.lists(inner, min_size=2, max_size=3).map(lambda terms: Any(tuple(terms))),
    ),
    max_leaves=8,
)


def written(node: Node) -> str:
    """A tree in the language."""
    if isinstance(node, Condition):
        return f"{node.field} {node.operator} {node.value}"
    if isinstance(node, Not):
        return f"not ({written(node.term)})"
    word = " and " if isinstance(node, All) else " OR "
    return word.join(f"({written(term)})" for term in node.terms)


def fulfils(node: Node, facts: dict[str, object]) -> bool:
    """What a tree means, in Python."""
    if isinstance(node, Not):
        return not fulfils(node.term, facts)
    if isinstance(node, All):
        return all(fulfils(term, facts) for term in node.terms)
    if isinstance(node, Any):
        return any(fulfils(term, facts) for term in node.terms)
    is_less, is_equal = facts[node.field] < node.value, facts[node.field] == node.value  # type: ignore[operator]
    return {"=": is_equal, "<": is_less, "<=": is_less or is_equal, ">": not is_less and not is_equal}.get(
        node.operator, not is_less
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=trees)
def test_any_expression_means_the_same_in_sql_as_in_words(collection: Collection, tree: Node) -> None:
    text = written(tree)
    if len(text) > 1000:
        return
    every = collection.search(ANYTHING, 100)
    records = collection.images([one.id for one in every]).values()
    expected = {
        Path(one.paths[0]).stem
        for one in records
        if fulfils(tree, {"width": one.width, "height": one.height, "format": one.format})
    }
    assert names(collection, text) == expected


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60) | st.text(alphabet="wtdhage()\"' =!<>:\\*012-and ornot", max_size=60))
def test_whatever_is_typed_is_either_understood_or_refused(collection: Collection, text: str) -> None:
    positions = [1]
    try:
        collection.search(ANYTHING, 5, where=text)
    except FilterError as error:
        positions.append(error.position)
    assert 1 <= positions[-1] <= len(text) + 1


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(max_size=40), field=st.sampled_from(["tag", "folder", "path", "caption", "format"]))
def test_whatever_is_quoted_is_taken_as_it_is(collection: Collection, value: str, field: str) -> None:
    quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    try:
        tree = parse_filter(f"{field} = {quoted}").tree
    except FilterError as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        assert any(word in refused for word in ("empty", "no text has", "stars", "no word"))
        return
    assert isinstance(tree, Condition)
    if field != "format":
        assert tree.value == value
    names(collection, f"{field} = {quoted}")


def test_evil_patterns_take_no_time(collection: Collection) -> None:
    start = time.process_time()
    names(collection, f'path = "{"*a" * 8}"')
    assert time.process_time() - start < 5


def test_an_image_is_found_by_any_of_its_paths(tmp_path: Path) -> None:
    picture = Image.new("RGB", (30, 30), (9, 99, 200))
    for name in ("first/a.png", "second/b.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True)
        picture.save(tmp_path / "in" / name)
    build_collection([tmp_path / "in"], tmp_path / "c", encoder=ColourEncoder())
    with Collection.open(tmp_path / "c") as opened:
        for where in ("folder = first", "folder = second", "folder = first and folder = second"):
            assert len(opened.search(ANYTHING, 5, where=where)) == 1
        assert opened.search(ANYTHING, 5, where="folder != second") == []
