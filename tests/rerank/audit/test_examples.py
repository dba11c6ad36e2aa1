"""The worked examples run and find what was put wrong on purpose."""

from __future__ import annotations

from pathlib import Path

from examples import audit_generated, audit_posts, audit_products


def test_products(tmp_path: Path) -> None:
    summary = audit_products.run(tmp_path)
    wrong = [n for n, (said, shown) in enumerate(audit_products.ARTICLES, start=1) if shown not in (said, None)]
    assert [one.row.number for one in summary.first_mismatches] == wrong
    assert [one.row.number for one in summary.first_failures] == [len(audit_products.ARTICLES)]
    assert (tmp_path / "report.xlsx").stat().st_size > 10_000


def test_posts(tmp_path: Path) -> None:
    summary = audit_posts.run(tmp_path)
    assert summary.labelled == 6
    assert summary.accuracy == 1.0
    assert "不匹配" in (tmp_path / "report.csv").read_text("utf-8-sig")


def test_generated(tmp_path: Path) -> None:
    summary = audit_generated.run(tmp_path)
    made = [one == prompt for prompt in audit_generated.PROMPTS for one in audit_generated.MADE[prompt]]
    assert [one.row.number for one in summary.first_mismatches] == [n for n, right in enumerate(made, 1) if not right]
    assert "data:image/jpeg;base64," in (tmp_path / "report.html").read_text()
