"""Reports as other programs see them: the workbook in LibreOffice, the contact sheet in Chromium, CSV in its reader."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from rerank.audit import Options, Policy, Summary, Table, audit, cells
from rerank.audit.reports.workbook import WorkbookReport
from rerank.audit.types import Language
from rerank.audit.wording import CHINESE, ENGLISH
from tests.rerank.audit.stub import StubJudge, probabilities, write_table

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
HOSTILE = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "＋1", "－1", "＠x", "−1"),
    *("=cmd|' /C calc'!A0", '=HYPERLINK("http://evil")', "http://example.org/a", "mailto:a@b.c", "1e5", "007"),
    *("a\x00b", "a\x1fb", "a\ufffeb", "_x0041_", "]]>", "<b>&amp;", "'", "''=1", 'say "hi"', "line\nbreak", "部分相关"),
]
soffice = pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")


def audited(folder: Path, texts: list[str], suffixes: tuple[str, ...], language: Language = "en") -> Summary:
    """An audit of a picture with each of these texts, which are in a carried column, too."""
    Image.effect_noise((60, 40), 90).convert("RGB").save(folder / "a.png")
    lines = [json.dumps({"image": "a.png", "text": f"t{n}", "extra": one}) for n, one in enumerate(texts)]
    lines += [json.dumps({"image": "a.png", "text": one, "extra": "x"}) for one in texts]
    lines += [json.dumps({"image": "gone.png", "text": "nothing", "extra": "=1"})]
    (folder / "t.jsonl").write_text("\n".join(lines))
    outputs = [folder / f"r{suffix}" for suffix in suffixes]
    return audit(folder / "t.jsonl", StubJudge(), outputs, options=Options(language=language))


def sheets(path: Path) -> dict[str, ElementTree.Element]:
    """The parts of a workbook that hold cells."""
    with zipfile.ZipFile(path) as book:
        names = [name for name in book.namelist() if name.startswith("xl/worksheets/") and name.endswith(".xml")]
        return {name: ElementTree.fromstring(book.read(name)) for name in names}


def formulas(path: Path) -> int:
    return sum(len(list(root.iter(f"{SHEET}f"))) for root in sheets(path).values())


def test_no_cell_is_a_formula_and_nothing_hostile_fails(tmp_path: Path) -> None:
    audited(tmp_path, HOSTILE, (".xlsx", ".csv", ".jsonl", ".html"))
    assert formulas(tmp_path / "r.xlsx") == 0
    with zipfile.ZipFile(tmp_path / "r.xlsx") as book:
        assert not any("externalLink" in name or "vbaProject" in name for name in book.namelist())
        assert not any(b"hyperlink" in book.read(name) for name in book.namelist() if name.startswith("xl/worksheets/"))
    with (tmp_path / "r.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.reader(file):
            for cell in row:
                assert not re.match(r"\s*[=+\-@＝＋－＠−]|[\t\r\n]", cell), cell
    page = (tmp_path / "r.html").read_text()
    assert "<b>&amp;" not in page
    assert "<script" not in page.lower()


@given(st.text(alphabet=st.characters(), max_size=40))
@settings(max_examples=300, deadline=None)
def test_csv_cells_never_begin_as_formulas(text: str) -> None:
    found = cells.neutralised(text)
    assert not re.match(r"[\s\ufeff\u200b\u2060]*[=+\-@\uff1d\uff0b\uff0d\uff20\u2212]|[\t\r\n]", found)
    assert found.removeprefix("'") == cells.clean(text) or found == cells.clean(text)
    found.encode()


@given(st.lists(st.text(alphabet=st.characters(), max_size=30), min_size=1, max_size=5))
@example(["one\x85two\u2028three\u2029four"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_at_all_can_be_exported(tmp_path: Path, texts: list[str]) -> None:
    audited(tmp_path, texts, (".xlsx", ".csv", ".jsonl", ".html"))
    assert formulas(tmp_path / "r.xlsx") == 0
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [one["extra"]["extra"] for one in lines[: len(texts)]] == texts


def test_a_cell_that_is_too_long_is_cut(tmp_path: Path) -> None:
    audited(tmp_path, ["x" * 40_000, "😀" * 20_000], (".xlsx",))
    texts = [
        "".join(one.itertext()) for root in sheets(tmp_path / "r.xlsx").values() for one in root.iter(f"{SHEET}is")
    ]
    longest = max(texts, key=len)
    assert longest.endswith("…")
    assert all(len(text.encode("utf-16-le")) // 2 <= 32_767 for text in texts)


def test_thumbnails_filters_and_the_header_that_stays(tmp_path: Path) -> None:
    audited(tmp_path, ["one", "two"], (".xlsx",))
    with zipfile.ZipFile(tmp_path / "r.xlsx") as book:
        media = [name for name in book.namelist() if name.startswith("xl/media/")]
        anchors = book.read("xl/drawings/drawing2.xml").count(b"<xdr:pic>")
        charts = [name for name in book.namelist() if name.startswith("xl/charts/chart")]
    assert anchors == 4
    assert media
    assert len(charts) == 2
    rows = sheets(tmp_path / "r.xlsx")["xl/worksheets/sheet2.xml"]
    assert rows.find(f"{SHEET}autoFilter") is not None
    pane = rows.find(f"{SHEET}sheetViews/{SHEET}sheetView/{SHEET}pane")
    assert pane is not None
    assert pane.get("state") == "frozen"


def test_thumbnails_are_capped_and_that_is_said(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), "red").save(tmp_path / "a.png")
    path = write_table(tmp_path / "t.csv", [("a.png", f"t{n}") for n in range(30)])
    audit(path, StubJudge(), [tmp_path / "r.xlsx"], options=Options(thumbnails=5, mismatches=2))
    with zipfile.ZipFile(tmp_path / "r.xlsx") as book:
        assert book.read("xl/drawings/drawing2.xml").count(b"<xdr:pic>") == 5
        assert b"first 5 rows" in book.read("xl/worksheets/sheet1.xml")


def test_a_full_sheet_is_followed_by_another(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), "red").save(tmp_path / "a.png")
    table = Table.open(write_table(tmp_path / "t.csv", [("a.png", f"t{n}") for n in range(25)]))
    parts = tmp_path / "parts"
    parts.mkdir()
    report = WorkbookReport(tmp_path / "r.xlsx", ENGLISH, table, 0, parts, sheet_rows=11)
    from rerank.audit import AuditedRow, Outcome

    for row in table.rows():
        report.write(AuditedRow(row, Outcome(problem="not looked at"), None))
    report.finish(Summary("stub", "t.csv", Policy()))
    with zipfile.ZipFile(tmp_path / "r.xlsx") as book:
        names = re.findall(r'<sheet name="([^"]+)"', book.read("xl/workbook.xml").decode())
    assert names == ["Summary", "Rows", "Failures", "Rows 2", "Failures 2", "Rows 3", "Failures 3"]


def test_the_words_are_chinese_where_asked_for(tmp_path: Path) -> None:
    audited(tmp_path, ["one"], (".xlsx", ".csv", ".html"), "zh")
    with zipfile.ZipFile(tmp_path / "r.xlsx") as book:
        everything = "".join(book.read(name).decode() for name in book.namelist() if name.endswith(".xml"))
    assert all(word in everything for word in ("匹配", "不匹配", "部分相关", "汇总", "明细", "失败行", "处理"))
    assert 'lang="zh-CN"' in (tmp_path / "r.html").read_text()
    csv_text = (tmp_path / "r.csv").read_text("utf-8-sig")
    assert '"label","verdict"' in csv_text
    assert "匹配" in csv_text
    assert CHINESE.names.keys() == ENGLISH.names.keys()


def test_accuracy_and_confusion_are_those_of_the_rows(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), "red").save(tmp_path / "a.png")
    labels = ("entailment", "neutral", "contradiction")
    rows = [("a.png", f"t{n}", labels[n % 3]) for n in range(60)]
    path = write_table(tmp_path / "t.csv", rows, ("image", "text", "expected"))
    found = audit(path, StubJudge(), [tmp_path / "r.csv"])
    said = [labels[max(range(3), key=lambda place: probabilities(text)[place])] for _, text, _ in rows]
    for expected in labels:
        for label in labels:
            both = sum(row[2] == expected and one == label for row, one in zip(rows, said, strict=True))
            assert found.confusion[expected][label] == both
    assert found.accuracy == sum(row[2] == one for row, one in zip(rows, said, strict=True)) / 60


def test_a_report_that_cannot_be_finished_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "r.csv").write_text("the last one")

    def broken(self: Table) -> None:
        raise OSError(28, "No space left on device")

    Image.new("RGB", (40, 40), "red").save(tmp_path / "a.png")
    table = Table.open(write_table(tmp_path / "t.csv", [("a.png", "x")]))
    calls = iter([lambda: None, lambda: broken(table)])
    monkeypatch.setattr(Table, "check_unchanged", lambda self: next(calls)())
    with pytest.raises(OSError, match="space"):
        audit(table, StubJudge(), [tmp_path / "r.csv", tmp_path / "r.xlsx", tmp_path / "r.html"])
    assert (tmp_path / "r.csv").read_text() == "the last one"
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"a.png", "t.csv", "r.csv", "r.csv.audit"}


@soffice
def test_libreoffice_reads_the_workbook_as_it_was_written(tmp_path: Path) -> None:
    texts = [one for one in HOSTILE if one.isprintable()]
    audited(tmp_path, texts, (".xlsx",))
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    # Sheet 2 as UTF-8, each text in quotation marks.
    convert = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,2"
    command = [
        "soffice",
        profile,
        "--headless",
        "--convert-to",
        convert,
        "--outdir",
        str(tmp_path),
        str(tmp_path / "r.xlsx"),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    found = list(csv.reader(io.StringIO(next(tmp_path.glob("r*.csv")).read_text("utf-8"))))
    assert found[0][:5] == ["row", "picture", "image", "text", "verdict"]
    assert len(found) == 1 + 2 * len(texts) + 1
    assert [row[-1] for row in found[1 : 1 + len(texts)]] == texts
    assert [row[3] for row in found[1 + len(texts) : -1]] == [one.strip() for one in texts]
    for number, row in enumerate(found[1 : 1 + len(texts)]):
        assert float(row[6]) == pytest.approx(probabilities(f"t{number}")[0], abs=6e-4)
    assert found[-1][9] == "image does not exist"
