from __future__ import annotations

import base64
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rerank import Candidate, EntailmentReranker, ImageError, InputError
from rerank.integrations.documents import Choice, candidate, image_source, keyed_image

ROOT = Path(__file__).parents[3]
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC")
TEXT = base64.b64encode(PNG).decode()


@pytest.mark.parametrize(
    "value",
    [
        PNG,
        bytearray(PNG),
        memoryview(PNG),
        io.BytesIO(PNG),
        TEXT,
        f"{TEXT[:20]}\n{TEXT[20:]}",
        f"data:image/png;base64,{TEXT}",
        f"DATA:image/png;base64,{TEXT.replace('+', '%2B')}",
    ],
    ids=["bytes", "bytearray", "memoryview", "buffer", "base64", "folded base64", "data URI", "quoted data URI"],
)
def test_what_holds_the_bytes_of_a_file_becomes_those_bytes(value: object) -> None:
    assert image_source(value) == PNG


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("shop/a b.jpg", "shop/a b.jpg"),
        (Path("/shop/a.jpg"), "/shop/a.jpg"),
        ("file:///shop/a%20b.jpg", "/shop/a b.jpg"),
        ("file://localhost/shop/a.jpg", "/shop/a.jpg"),
        ("C:/shop/a.jpg", "C:/shop/a.jpg"),
        ("data/a.jpg", "data/a.jpg"),
    ],
)
def test_paths_and_file_urls_become_paths(value: object, path: str) -> None:
    assert image_source(value) == path


def test_a_path_survives_its_file_url(tmp_path: Path) -> None:
    path = tmp_path / "what? 100% #1.png"
    path.write_bytes(PNG)
    assert image_source(path.as_uri()) == str(path)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("https://example.com/a.jpg", "nothing is fetched"),
        ("HTTP://example.com/a.jpg", "nothing is fetched"),
        ("s3://bucket/a.jpg", "nothing is fetched"),
        ("file://server/share/a.jpg", "another machine"),
        ("data:image/svg+xml,<svg/>", "holds no base64"),
        ("data:image/png;base64", "holds no base64"),
        ("data:image/png;base64,!!!", "is not base64"),
        (f"{TEXT}!", "is not base64"),
        (7, "a int is no image"),
        ({"url": "a.jpg"}, "a dict is no image"),
        (np.zeros((2, 2, 2, 2), np.uint8), "must have shape"),
    ],
)
def test_what_is_no_image_is_refused_with_the_reason(value: object, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        image_source(value)


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(ImageError) as caught:
        image_source("https://example.com/" + "a" * 5000)
    assert len(str(caught.value)) < 200


def test_a_damaged_picture_in_memory_is_one_documents_error(bundled: EntailmentReranker) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((200, 200), 90).save(buffer, "JPEG")
    damaged = candidate(0, Image.open(io.BytesIO(buffer.getvalue()[:3000])))
    good = candidate(1, np.zeros((8, 8, 3), np.uint8))
    ranked = Choice().rank(bundled, "a mug", [damaged, good])
    assert [one.index for one in ranked] == [1, 0]
    assert "truncated" in str(ranked[1].error)


def test_a_missing_key_is_named_with_those_that_are_there() -> None:
    missing = candidate(0, keyed_image({"path": "a.jpg", "title": "jeans"}, "image"))
    assert isinstance(missing, ImageError)
    assert "has no 'image'" in str(missing)
    assert "'path', 'title'" in str(missing)


def test_captions_and_similarities_of_the_wrong_kind_are_passed_over() -> None:
    odd = candidate(0, PNG, caption=" ", similarity="high")
    assert odd == Candidate("0", PNG)
    assert candidate(3, PNG, caption="a cup", similarity=np.float32(0.5)) == Candidate("3", PNG, "a cup", 0.5)


def test_no_documents_are_no_documents(bundled: EntailmentReranker) -> None:
    assert Choice().rank(bundled, "a mug", []) == []


def test_when_none_can_be_judged_the_log_says_why(
    bundled: EntailmentReranker, caplog: pytest.LogCaptureFixture
) -> None:
    Choice().rank(bundled, "a mug", [candidate(0, keyed_image({}, "image")), candidate(1, 7)])
    assert "none of 2 documents could be judged" in caplog.text
    assert "'image'" in caplog.text


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"top_n": 0}, "at least 1"),
        ({"min_entailment": 1.5}, "min_entailment"),
        ({"fusion_weight": -1}, "fusion_weight"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], named: str) -> None:
    with pytest.raises(InputError, match=named):
        Choice(**settings)  # type: ignore[arg-type]


def test_rerank_loads_none_of_the_libraries() -> None:
    code = (
        "import sys, rerank, rerank.integrations, rerank.integrations.documents;"
        "print([m for m in ('langchain_core', 'llama_index', 'haystack', 'rerankers', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
