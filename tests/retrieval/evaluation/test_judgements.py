"""From a table of captions to queries over a collection."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from indexer import build_collection
from rerank.errors import InputError
from retrieval import Collection, SearchEngine
from retrieval.evaluation import evaluate, group_queries
from retrieval.evaluation.tables import text_table
from tests.fakes import ColourEncoder
from tests.retrieval.evaluation.tables import judged


def test_images_are_found_however_the_table_calls_them(
    engine: SearchEngine, ids: dict[str, str], pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "copy.png").write_bytes((pictures / "blue.png").read_bytes())
    (tmp_path / "link").symlink_to(pictures)
    (tmp_path / "link.png").symlink_to(pictures / "green.png")
    rows = (
        "image,caption\nred.png,below the root\nmore/red.png,below a folder\n"
        f"{pictures}/white.png,a whole path\n{ids['grey.png']},an id\n"
        "copy.png,a copy\nlink/yellow.png,through a link\nlink.png,a link\n"
    )
    found = judged(engine, tmp_path, rows)
    assert found.problems == ()
    names = {image: name for name, image in ids.items()}
    assert {query.text: [names[image] for image in query.relevance] for query in found.queries} == {
        "below the root": ["red.png"],
        "below a folder": ["more/red.png"],
        "a whole path": ["white.png"],
        "an id": ["grey.png"],
        "a copy": ["blue.png"],
        "through a link": ["yellow.png"],
        "a link": ["green.png"],
    }
    below = judged(engine, tmp_path, "image,caption\nred.png,x\n", images=pictures / "more")
    assert list(below.queries[0].relevance) == [ids["more/red.png"]]


def test_images_that_are_not_there_leave_their_queries_out(
    engine: SearchEngine, ids: dict[str, str], tmp_path: Path
) -> None:
    Image.new("RGB", (9, 9), "black").save(tmp_path / "new.png")
    rows = (
        "image,caption,set\nred.png,red,a\nnowhere.png,red,a\nnew.png,black,a\n"
        f"img_{'0' * 20},zero,b\n../../../etc/passwd,secret,b\n{'x' * 5000},long,b\nblue.png,blue,b\n"
    )
    found = judged(engine, tmp_path, rows)
    assert [query.text for query in found.queries] == ["red", "blue"]
    assert [(query.data_set, query.text) for query in found.left_out] == [
        ("a", "black"),
        *(("b", text) for text in ("zero", "secret", "long")),
    ]
    assert [problem.line for problem in found.problems] == [3, 4, 5, 6, 7]
    assert found.rows == 7
    assert "'nowhere.png'" in found.problems[0].reason
    assert str(tmp_path) in found.problems[0].reason
    assert "--images" in found.problems[0].reason
    report = evaluate(engine, found)
    assert [(part.name, part.queries, part.left_out) for part in report.sets] == [("a", 1, 1), ("b", 1, 3)]
    assert report.overall.left_out == 4
    assert "Left out: 4 queries without a right image here." in text_table(report)


def test_a_name_in_two_folders_of_the_collection_is_not_guessed(tmp_path: Path) -> None:
    for folder, colour in (("one", "red"), ("two", "blue")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (40, 40), colour).save(tmp_path / folder / "a.png")
    encoder = ColourEncoder()
    build_collection([tmp_path / "one", tmp_path / "two"], tmp_path / "c", encoder=encoder)
    with Collection.open(tmp_path / "c") as collection, SearchEngine(collection, encoder, None) as engine:
        with pytest.raises(InputError, match=r"line 2: 'a.png' is another image in each of .*write whole paths"):
            judged(engine, tmp_path, "image,caption\na.png,a\n")
        assert len(judged(engine, tmp_path, "image,caption\none/a.png,a\n").queries) == 1


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("image,caption\n", "has a header and no rows"),
        ("image,caption,relevance\nred.png,red,0\n", "every relevance is 0"),
        ("image,caption\nnone.png,red\n,blue\n", "no row can be used (2 wrong); line 2: no image 'none.png'"),
    ],
)
def test_a_table_without_queries_is_an_error(engine: SearchEngine, tmp_path: Path, rows: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        judged(engine, tmp_path, rows)
    assert words in str(caught.value)


def test_captions_shared_by_images_are_one_query_with_grades(
    engine: SearchEngine, ids: dict[str, str], tmp_path: Path
) -> None:
    rows = (
        "image,caption,relevance\nred.png,red,3\nmore/red.png,red,1\nmagenta.png,red,0\nred.png,red,3\nred.png,red,2\n"
    )
    found = judged(engine, tmp_path, rows)
    assert [dict(query.relevance) for query in found.queries] == [{ids["red.png"]: 3.0, ids["more/red.png"]: 1.0}]
    assert [(problem.line, problem.reason) for problem in found.problems] == [
        (6, "relevance is 2, but 3 for the same image on line 2")
    ]
    assert [dict(query.relevance) for query in group_queries([("1", "a"), ("2", "b"), ("3", "a")])] == [
        {"1": 1.0, "3": 1.0},
        {"2": 1.0},
    ]
