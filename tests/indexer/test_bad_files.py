"""Seventy bad files among three hundred: ``ten_thousand`` at a size for every day."""

from __future__ import annotations

from pathlib import Path

from indexer import build_collection
from rerank.decoding.pool import DecoderPool
from tests.fakes import ColourEncoder
from tests.indexer.bad_files import KINDS
from tests.indexer.ten_thousand import check, make


def test_every_good_file_is_found_and_every_bad_one_listed(tmp_path: Path) -> None:
    made = make(tmp_path / "photos", good=300 - 2 * len(KINDS), bad=2 * len(KINDS))
    assert len(set(made.bad.values())) == len(KINDS) >= 35
    with DecoderPool(seconds=1) as decoders:
        report = build_collection([tmp_path / "photos"], tmp_path / "c", encoder=ColourEncoder(), decoders=decoders)
    check(made, report, tmp_path / "c", ColourEncoder())
    reasons = {made.bad[failure.path]: failure.reason for failure in report.failed}
    assert "takes more than" in reasons["a JPEG that takes minutes"]
    assert "pixels" in reasons["a PNG of 400 megapixels"]
    assert "is empty" in reasons["empty"]
    assert all("is damaged" in reason for kind, reason in reasons.items() if kind.startswith("half a"))
    assert "out of the folder" in reasons["a link out of the folder"]
    assert "bytes, more than" in reasons["300 MB of nothing"]
