from __future__ import annotations

from pathlib import Path

import pytest

from rerank.audit import Columns, Table
from rerank.errors import InputError

PLAIN = "image,text,sku\na.jpg,größer als,1\nb.jpg,x,2\n"


def written(tmp_path: Path, content: bytes, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_encodings_are_found_out(tmp_path: Path, encoding: str) -> None:
    table = Table.open(written(tmp_path, PLAIN.encode(encoding)))
    rows = list(table.rows())
    assert [row.text for row in rows] == ["größer als", "x"]
    assert [row.problem for row in rows] == [None, None]
    assert table.header == ("image", "text", "sku")
    assert bool(table.notes) == (encoding in ("utf-16-le", "utf-16-be", "cp1252"))


def test_what_is_not_utf8_in_a_utf8_file_costs_its_row(tmp_path: Path) -> None:
    table = Table.open(written(tmp_path, b"image,text\na.jpg,gr\xc3\xb6\xc3\x9fer\nb.jpg,gr\xf6sser\nc.jpg,x\n"))
    problems = [row.problem for row in table.rows()]
    assert problems[0] is None
    assert "UTF-8" in str(problems[1])
    assert problems[2] is None
    assert "rows that hold them" in table.notes[0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found_out(tmp_path: Path, delimiter: str) -> None:
    content = f'image{delimiter}text{delimiter}n\na.jpg{delimiter}"one, two; three"{delimiter}1\n'
    table = Table.open(written(tmp_path, content.encode()))
    assert table.delimiter == delimiter
    assert [row.text for row in table.rows()] == ["one, two; three"]


def test_excels_separator_line(tmp_path: Path) -> None:
    table = Table.open(written(tmp_path, b"sep=;\r\nimage;text\r\na.jpg;a, b\r\n"))
    assert [(row.image, row.text) for row in table.rows()] == [("a.jpg", "a, b")]


def test_a_stray_quotation_mark_costs_its_line_alone(tmp_path: Path) -> None:
    content = 'image,text\na.jpg,"two\nlines"\nb.jpg,"never closed\nc.jpg,a 5" screen\nd.jpg,"fine"\ne.jpg,"open'
    rows = list(Table.open(written(tmp_path, content.encode())).rows())
    assert [row.image for row in rows if not row.problem] == ["a.jpg", "c.jpg", "d.jpg"]
    assert rows[0].text == "two\nlines"
    assert rows[2].text == 'a 5" screen'
    assert [row.line for row in rows] == [2, 4, 5, 6, 7]
    assert "quotation mark" in str(rows[1].problem)


def test_wrong_rows_say_why(tmp_path: Path) -> None:
    content = "image,text,expected\na,b\na,b,c,d\n,b,\na,,\na,b,perhaps\na,b,Yes\na,b,不匹配\n\na,b,\n"
    rows = list(Table.open(written(tmp_path, content.encode())).rows())
    assert [row.problem is None for row in rows] == [False, False, False, False, False, True, True, True]
    assert [row.expected for row in rows[5:]] == ["entailment", "contradiction", None]
    assert "2 fields" in str(rows[0].problem)
    assert "perhaps" in str(rows[4].problem)


def test_columns_by_name_and_extras_in_order(tmp_path: Path) -> None:
    path = written(tmp_path, b"SKU,Bild,Satz,Wahr,Preis\n1,a.jpg,ein Satz,ja,9\n")
    with pytest.raises(InputError, match="'Bild'"):
        Table.open(path)
    table = Table.open(path, Columns("bild", "Satz"))
    (row,) = table.rows()
    assert (row.image, row.text, row.extras) == ("a.jpg", "ein Satz", ("1", "ja", "9"))
    assert table.extras == ("SKU", "Wahr", "Preis")
    with pytest.raises(InputError, match="expected-column"):
        Table.open(path, Columns("bild", "Satz", expected="nope"))


def test_json_lines(tmp_path: Path) -> None:
    content = b'{"image":"a","text":"t","n":{"x":1}}\n\nnot json\n[1]\n{"text":"only","more":null}\n'
    table = Table.open(written(tmp_path, content, "t.jsonl"))
    rows = list(table.rows())
    assert table.extras == ("n", "more")
    assert rows[0].extras == ('{"x": 1}', "")
    assert [row.problem is None for row in rows] == [True, False, False, False]
    assert [row.line for row in rows] == [1, 3, 4, 5]


@pytest.mark.parametrize("content", [b"", b"image,text\n", b"\n\n", b"image,image,text\na,b,c\n", b"one\n1\n"])
def test_what_is_no_table(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"t\.csv|column"):
        Table.open(written(tmp_path, content))


def test_an_endless_line_costs_itself(tmp_path: Path) -> None:
    table = Table.open(written(tmp_path, b"image,text\na," + b"x" * 3_000_000 + b"\nb,c\n"))
    rows = list(table.rows())
    assert rows[0].problem
    assert (rows[1].image, rows[1].problem) == ("b", None)


def test_a_change_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN.encode())
    table = Table.open(path)
    assert Table.open(path).fingerprint == table.fingerprint
    path.write_bytes(PLAIN.encode() + b"c.jpg,y,3\n")
    with pytest.raises(InputError, match="changed"):
        table.check_unchanged()
    assert Table.open(path).fingerprint != table.fingerprint
