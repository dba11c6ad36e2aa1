"""Audits over HTTP: a real server, the real model, real pictures."""

from __future__ import annotations

import base64
import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.settings import Settings
from tests.api.conftest import assert_problem, real_samples, running, wait_ready, wait_until

Files = dict[str, tuple[str, bytes]]


@pytest.fixture(scope="module")
def http(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A ready service with a folder of its own for audits."""
    settings = Settings(collection=collection, audit_dir=tmp_path_factory.mktemp("audits"), max_audit_rows=50)
    with running(create_app(settings)) as url, httpx.Client(base_url=url, timeout=60) as opened:
        wait_ready(url)
        yield opened


def table_of(rows: list[list[str]], header: str = "image,text,expected,note") -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header.split(","))
    writer.writerows(rows)
    return out.getvalue().encode()


def zip_of(entries: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return out.getvalue()


def pictures_and_rows(photos: Path) -> tuple[dict[str, bytes], list[list[str]]]:
    """Six pictures with what they show and what another one shows, and three rows that must fail."""
    paths, samples = sorted(photos.iterdir())[:6], {}
    for number, sample in enumerate(real_samples()):
        samples[f"{sample.caption.replace(' ', '_')}-{number}.jpg"] = sample.caption
    entries = {f"shop/{path.name}": path.read_bytes() for path in paths}
    entries["shop/words.jpg"] = b"no picture"
    captions = sorted({samples[path.name] for path in sorted(photos.iterdir())})
    rows = [[path.name, samples[path.name], "yes", "=1+1"] for path in paths]
    rows += [
        [path.name, next(one for one in reversed(captions) if one != samples[path.name]), "no", ""] for path in paths
    ]
    return entries, [*rows, ["gone.jpg", "a mug", "", ""], ["words.jpg", "a mug", "", ""], [paths[0].name, "", "", ""]]


def finished(http: httpx.Client, location: str) -> dict[str, Any]:
    """The audit once it has ended."""
    found: dict[str, Any] = {}

    def ended() -> bool:
        found.update(http.get(location).json())
        return found["state"] in ("done", "failed", "cancelled")

    wait_until(ended, 180)
    return found


def test_a_table_and_a_zip_become_reports(http: httpx.Client, photos: Path) -> None:
    entries, rows = pictures_and_rows(photos)
    files = {"table": ("shop.csv", table_of(rows)), "images": ("shop.zip", zip_of(entries))}
    asked = http.post("/v1/audits", files=files, data={"lang": "zh", "policy": '{"accept_above": 0.6}'})
    assert asked.status_code == 202, asked.text
    location = asked.headers["location"]
    assert location == f"/v1/audits/{asked.json()['id']}"
    assert set(asked.json()) >= {"id", "state", "rows", "done", "counts", "decisions", "created", "error", "reports"}
    found = finished(http, location)
    assert found["state"] == "done", found
    assert (found["rows"], found["done"]) == (15, 15)
    assert sum(found["counts"].values()) == 15
    assert found["counts"]["failed"] == 3
    assert [one["row"] for one in found["failures"]] == [13, 14, 15]
    assert "sent" in found["failures"][0]["reason"]
    assert found["accuracy"] > 0.8
    assert sum(found["decisions"].values()) == 12
    mismatch = found["mismatches"][0]
    assert mismatch["contradiction"] > 0.5
    picture = http.get(mismatch["thumbnail_url"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content[:3] == b"\xff\xd8\xff"
    assert_problem(http.get(f"{location}/thumbnails/14"), 404)
    reports = {form: http.get(url) for form, url in found["reports"].items()}
    assert {response.status_code for response in reports.values()} == {200}
    lines = [json.loads(line) for line in reports["jsonl"].text.splitlines()]
    assert [line["row"] for line in lines] == list(range(1, 16))
    assert lines[0]["extra"] == {"note": "=1+1"}
    assert "'=1+1" in reports["csv"].content.decode("utf-8-sig")
    assert "不匹配" in reports["html"].text
    assert "script" not in reports["html"].text
    assert "default-src 'none'" in reports["html"].headers["content-security-policy"]
    assert zipfile.ZipFile(io.BytesIO(reports["xlsx"].content)).testzip() is None
    assert http.delete(location).status_code == 204
    assert_problem(http.get(location), 404)


def test_json_rows_with_data_uris_and_ids(http: httpx.Client, photos: Path, collection: Path) -> None:
    from retrieval import Collection

    path = sorted(photos.iterdir())[0]
    uri = "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()
    with Collection.open(collection) as opened:
        image_id = opened.by_path(path).id if hasattr(opened, "by_path") else None
    rows = [
        {"image": uri, "text": "a picture of something", "sku": 7},
        {"image": image_id or uri, "text": "a green dragon"},
        {"image": "/etc/passwd", "text": "secrets"},
        {"image": "../../etc/passwd", "text": "secrets"},
        {"image": "http://127.0.0.1/a.jpg", "text": "secrets"},
        {"image": "img_00000000000000000000", "text": "nothing"},
    ]
    asked = http.post("/v1/audits", json={"rows": rows, "lang": "en"})
    assert asked.status_code == 202, asked.text
    found = finished(http, asked.headers["location"])
    assert found["state"] == "done"
    assert found["counts"]["failed"] == 4
    assert [one["row"] for one in found["failures"]] == [3, 4, 5, 6]
    lines = [json.loads(line) for line in http.get(found["reports"]["jsonl"]).text.splitlines()]
    assert lines[0]["extra"]["sku"] == "7"
    assert len(lines[0]["image"]) < 100


def wrong_zip(kind: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        if kind == "traversal":
            file.writestr("../../evil.jpg", b"x")
        elif kind == "bomb":
            file.writestr("zeros.jpg", bytes(30_000_000))
        elif kind == "nested":
            file.writestr("more.zip", zip_of({"a.jpg": b"x"}))
        elif kind == "link":
            link = zipfile.ZipInfo("link.jpg")
            link.external_attr = 0o120777 << 16
            file.writestr(link, "/etc/passwd")
        else:
            file.writestr("a.jpg", b"x")
    data = bytearray(out.getvalue())
    if kind == "encrypted":
        data[6] |= 1
        data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data) if kind != "damaged" else bytes(data[: len(data) // 2])


@pytest.mark.parametrize("kind", ["traversal", "bomb", "nested", "link", "encrypted", "damaged"])
def test_a_zip_that_is_not_taken(http: httpx.Client, kind: str) -> None:
    files = {"table": ("a.csv", b"image,text\na.jpg,a mug\n"), "images": ("a.zip", wrong_zip(kind))}
    assert_problem(http.post("/v1/audits", files=files), 422, "images")


@pytest.mark.parametrize(
    ("files", "data", "status", "word"),
    [
        ({"table": ("a.csv", b"picture,words\n1,2\n")}, {}, 422, "picture"),
        ({"table": ("a.csv", b"image,text\n")}, {}, 422, "rows"),
        ({"table": ("a.csv", b"")}, {}, 422, "empty"),
        ({"table": ("a.pdf", b"image,text\n1,2\n")}, {}, 415, ".csv"),
        ({"table": ("a.csv", b"image,text\n" + b"1,2\n" * 51)}, {}, 422, "51 rows"),
        ({"table": ("a.csv", b"image,text\n1,2\n")}, {"policy": "{"}, 422, "policy"),
        ({"table": ("a.csv", b"image,text\n1,2\n")}, {"policy": '{"accept_above": 2}'}, 422, "accept_above"),
        ({"table": ("a.csv", b"image,text\n1,2\n")}, {"policy": '{"fit_precision": 0.9}'}, 422, "expected"),
        ({"table": ("a.csv", b"image,text\n1,2\n")}, {"lang": "fr"}, 422, "lang"),
        ({"table": ("a.csv", b"image,text\n1,2\n")}, {"other": "1"}, 422, "other"),
        ({"images": ("a.zip", b"")}, {}, 422, "table"),
    ],
)
def test_what_cannot_be_audited(http: httpx.Client, files: Files, data: dict[str, str], status: int, word: str) -> None:
    response = http.post("/v1/audits", files=files, data=data)
    assert_problem(response, status, word)
    assert "/tmp" not in response.text


def test_other_bodies(http: httpx.Client) -> None:
    assert_problem(http.post("/v1/audits", content=b"{", headers={"Content-Type": "application/json"}), 400)
    assert_problem(http.post("/v1/audits", content=b"x", headers={"Content-Type": "text/csv"}), 415)
    assert_problem(http.post("/v1/audits", json={"rows": []}), 422)
    assert_problem(http.get("/v1/audits/aud_00000000000000000000"), 404)
    assert_problem(http.get("/v1/audits/..%2F..%2Fetc"), 404)
    assert_problem(http.delete("/v1/audits/aud_00000000000000000000"), 404)


def slow_settings(collection: Path, folder: Path, **more: Any) -> Settings:
    return Settings(collection=collection, audit_dir=folder, **more)


def many_rows(photos: Path, count: int) -> Files:
    entries, rows = pictures_and_rows(photos)
    table = table_of([[*rows[n % 12][:1], f"{rows[n % 12][1]} {n}", "", str(n)] for n in range(count)])
    return {"table": ("many.csv", table), "images": ("many.zip", zip_of(entries))}


def test_a_restarted_server_goes_on_with_what_was_begun(
    collection: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rerank.audit.judging.WINDOW", 16)
    settings, count = slow_settings(collection, tmp_path), 300
    with running(create_app(settings)) as url, httpx.Client(base_url=url, timeout=60) as http:
        wait_ready(url)
        location = http.post("/v1/audits", files=many_rows(photos, count)).headers["location"]
        wait_until(lambda: http.get(location).json()["done"] >= 16, 180)
        assert_problem(http.get(f"{location}/report.csv"), 409, "running")
    journal = tmp_path / location.rpartition("/")[2] / "journal" / "journal.jsonl"
    left = journal.read_bytes().count(b"\n") - 1
    assert 16 <= left < count
    with running(create_app(settings)) as url, httpx.Client(base_url=url, timeout=60) as http:
        wait_ready(url)
        found = finished(http, location)
        assert found["state"] == "done"
        assert found["done"] == count
        lines = [json.loads(line) for line in http.get(found["reports"]["jsonl"]).text.splitlines()]
    assert [line["row"] for line in lines] == list(range(1, count + 1))
    assert [line["extra"]["note"] for line in lines] == [str(n) for n in range(count)]


def test_cancelled_audits_stop_and_no_more_wait_than_may(collection: Path, photos: Path, tmp_path: Path) -> None:
    with (
        running(create_app(slow_settings(collection, tmp_path, max_audits=2))) as url,
        httpx.Client(base_url=url, timeout=60) as http,
    ):
        wait_ready(url)
        files = many_rows(photos, 2_000)
        first, second = (http.post("/v1/audits", files=files).headers["location"] for _ in range(2))
        full = http.post("/v1/audits", files=files)
        assert_problem(full, 429, "waiting")
        assert int(full.headers["retry-after"]) > 0
        # Searches go first: they are answered in the middle of the audit.
        assert http.get("/v1/search", params={"q": "blue denim jeans"}).json()["reranked"]
        assert http.delete(second).status_code == 204
        assert http.get(second).json()["state"] == "cancelled"
        assert http.delete(first).status_code == 204
        wait_until(lambda: http.get(first).json()["state"] == "cancelled", 60)
        assert_problem(http.get(f"{first}/report.xlsx"), 409, "cancelled")
        assert http.post("/v1/audits", json={"rows": [{"image": "a", "text": "b"}]}).status_code == 202
        assert len(list(tmp_path.glob("aud_*"))) == 3  # the one that was refused has left nothing
