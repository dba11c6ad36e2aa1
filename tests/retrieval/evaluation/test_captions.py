"""Tables of captions as people have them, and what is said of those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from rerank.errors import InputError
from retrieval.evaluation import Caption, Columns, Problem, read_captions


def table(folder: Path, content: str | bytes) -> Path:
    path = folder / "captions.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def problems(folder: Path, content: str) -> dict[int, str]:
    """What is wrong, by line."""
    return {problem.line: problem.reason for problem in read_captions(table(folder, content))[1]}


TWO = [Caption(2, "a.jpg", "a red mug"), Caption(3, "b.jpg", "a blue, old mug")]


@pytest.mark.parametrize(
    "content",
    [
        'image,caption\na.jpg,a red mug\nb.jpg,"a blue, old mug"\n',
        b'\xef\xbb\xbfimage,caption\r\na.jpg,a red mug\r\nb.jpg,"a blue, old mug"',
        "image;caption\na.jpg;a red mug\nb.jpg;a blue, old mug\n",
        "image\tcaption\na.jpg\ta red mug\nb.jpg\ta blue, old mug\n",
        "image| caption\na.jpg| a red mug\nb.jpg| a blue, old mug\n",
        'Caption , "Image",extra\na red mug,a.jpg,1\n"a blue, old mug",b.jpg,2\n',
        'image,caption\na.jpg,a  red\tmug \nb.jpg," a blue,\nold\x1b mug"\n\n \n',
    ],
    ids=["plain", "BOM and CRLF", "semicolons", "tabs", "bars", "header", "blanks"],
)
def test_tables_as_people_have_them(tmp_path: Path, content: str | bytes) -> None:
    assert read_captions(table(tmp_path, content)) == (TWO, [])


def test_other_columns_sets_and_grades(tmp_path: Path) -> None:
    path = table(tmp_path, "file,text,part,grade\na.jpg,a mug,cups,2\nb.jpg,a mug,cups,0\n")
    rows, wrong = read_captions(path, Columns("file", "text", "part", "grade"))
    assert rows == [Caption(2, "a.jpg", "a mug", "cups", 2.0), Caption(3, "b.jpg", "a mug", "cups", 0.0)]
    assert wrong == []
    for name in ("set", "dataset"):
        path = table(tmp_path, f"image,caption,{name},relevance\na.jpg,a mug,cups,0.5\n")
        assert read_captions(path)[0] == [Caption(2, "a.jpg", "a mug", "cups", 0.5)]


def test_bad_rows_are_listed_by_the_line_they_begin_on_and_the_others_used(tmp_path: Path) -> None:
    content = (
        "image,caption,relevance\n"
        'a.jpg,"over\ntwo lines",1\n'  # 2, 3
        ",a mug,1\n"  # 4
        "b.jpg,,1\n"  # 5
        "c.jpg,a mug\n"  # 6
        "d.jpg,a red, old mug,1\n"  # 7
        "e.jpg,a mug,much\n"  # 8
        "f.jpg,a mug,-1\n"  # 9
        "g.jpg,a mug,nan\n"  # 10
        f"h.jpg,{'very ' * 500}old,1\n"  # 11
        'i.jpg,"a "big" mug",1\n'  # 12
        "j.jpg,\x1b\x07,1\n"  # 13
        "k.jpg,page\x0cfeed\u2028and more,1\n"  # 14
        "l.jpg,fine,1\n"
    )
    rows, wrong = read_captions(table(tmp_path, content))
    assert [(row.line, row.image, row.caption) for row in rows] == [
        (2, "a.jpg", "over two lines"),
        (14, "k.jpg", "page feed and more"),
        (15, "l.jpg", "fine"),
    ]
    words = {
        4: "image is empty",
        5: "caption is empty",
        6: "relevance is empty",
        7: "put a caption with a comma in it in quotes",
        8: "'much'; it must be a number",
        9: "'-1'",
        10: "'nan'",
        11: "at most 2000",
        12: "twice",
        13: "no words",
    }
    assert [problem.line for problem in wrong] == list(words)
    for problem in wrong:
        assert words[problem.line] in problem.reason


def test_a_quote_that_is_never_closed_is_named_where_it_opens(tmp_path: Path) -> None:
    found = problems(tmp_path, 'image,caption\na.jpg,a mug\nb.jpg,"a mug\nc.jpg,a mug\n')
    assert list(found) == [3]
    assert "never closed" in found[3]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["empty", "columns image and caption"]),
        ("\n\n", ["empty"]),
        ("photo,caption\na.jpg,x\n", ["line 1", "no column 'image'", "'photo', 'caption'", "--image-column"]),
        ("image;text\na.jpg;x\n", ["no column 'caption'", "'image', 'text'", "--caption-column"]),
        ("a.jpg,a red mug\n", ["line 1", "no column 'image'", "'a.jpg', 'a red mug'"]),
        ("image,caption,image\na,b,c\n", ["2 columns called 'image'", "rename"]),
        ("image,caption\na.jpg,x\nb.jpg,caf\xe9\n".encode("latin-1"), ["line 3", "UTF-8"]),
        ("image,caption\na.jpg,x\n".encode("utf-16"), ["UTF-16", "save it as CSV in UTF-8"]),
    ],
)
def test_what_is_no_such_table_says_why(tmp_path: Path, content: str | bytes, words: list[str]) -> None:
    path = table(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_captions(path)
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_named_columns_must_be_there(tmp_path: Path) -> None:
    path = table(tmp_path, "image,caption\na.jpg,x\n")
    with pytest.raises(InputError, match=r"no column 'part'.*--set-column"):
        read_captions(path, Columns(data_set="part"))
    with pytest.raises(InputError, match=r"no column 'grade'.*--relevance-column"):
        read_captions(path, Columns(relevance="grade"))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        read_captions(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_captions(tmp_path / "none.csv")


def test_a_header_alone_is_no_error_of_the_reader(tmp_path: Path) -> None:
    assert read_captions(table(tmp_path, "image,caption\n")) == ([], [])
    assert read_captions(table(tmp_path, "image,caption\n,\n")) == ([], [])
    assert problems(tmp_path, "image,caption\nx,\n") == {
        2: Problem(2, "caption is empty; fill it in or drop the row").reason
    }
