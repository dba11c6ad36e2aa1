"""Pictures into a running service and out of it, with the bundled models."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image, ImageDraw

from api.app import create_app
from api.settings import Settings
from indexer import build_collection
from retrieval.compaction import compact_collection
from retrieval.lock import WriteLock
from retrieval.verification import verify_collection
from retrieval.writer import CollectionWriter
from tests.api.conftest import assert_problem, running, wait_ready
from tests.rerank.bombs import claiming_png, flat_png

KINDS = {"JPEG": ".jpg", "PNG": ".png"}


def picture(colour: str, kind: str = "PNG", size: int = 200) -> bytes:
    """A disk of a colour: bytes that no other test has sent."""
    image = Image.new("RGB", (size, size), "white")
    ImageDraw.Draw(image).ellipse((20, 20, size - 20, size - 20), fill=colour)
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


@pytest.fixture(scope="module")
def target(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the photos' collection, to be changed."""
    path = tmp_path_factory.mktemp("changed") / "photos.collection"
    shutil.copytree(collection, path)
    return path


@pytest.fixture(scope="module")
def client(target: Path) -> Iterator[httpx.Client]:
    with running(create_app(Settings(collection=target))) as url, httpx.Client(base_url=url, timeout=120) as opened:
        wait_ready(url)
        yield opened


def upload(client: httpx.Client, data: bytes, **fields: object) -> httpx.Response:
    return client.post("/v1/images", files={"image": ("../../x.exe", data)}, data=fields)


def found(client: httpx.Client, query: str, **options: object) -> list[str]:
    body = {"query": query, "top_k": 100, "rerank": False, **options}
    response = client.post("/v1/search", json=body)
    assert response.status_code == 200, response.text
    return [hit["id"] for hit in response.json()["hits"]]


def test_an_upload_is_found_by_the_next_query_and_gone_after_its_deletion(client: httpx.Client, target: Path) -> None:
    data = picture("orange")
    sent = upload(client, data, caption="an orange disk", tags=["round, shape", "orange"])
    assert sent.status_code == 201, sent.text
    answer = sent.json()
    assert answer["created"] is True
    assert sent.headers["location"] == f"/v1/images/{answer['id']}"
    assert answer["path"] == f"uploads/{answer['id']}.png"
    wanted = {"min_generation": answer["generation"], "filter": 'tag = "round" and tag = "orange"'}
    assert found(client, "an orange disk", **wanted) == [answer["id"]]
    assert found(client, "an orange disk", filter='folder = "uploads"') == [answer["id"]]
    assert found(client, "an orange disk")[0] == answer["id"]
    assert client.get(f"/v1/images/{answer['id']}").content == data
    assert Image.open(io.BytesIO(client.get(f"/v1/images/{answer['id']}/thumbnail?size=64").content)).size == (64, 64)

    again = upload(client, data, caption="something else")
    assert (again.status_code, again.json()["created"]) == (200, False)
    assert (again.json()["id"], again.json()["generation"]) == (answer["id"], answer["generation"])

    gone = client.delete(f"/v1/images/{answer['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert answer["id"] not in found(client, "an orange disk")
    assert_problem(client.get(f"/v1/images/{answer['id']}"), 404)
    assert_problem(client.get(f"/v1/images/{answer['id']}/thumbnail?size=64"), 404)
    assert_problem(client.delete(f"/v1/images/{answer['id']}"), 404)
    assert list((target / "uploads").iterdir()) == []

    back = upload(client, data)
    assert (back.status_code, back.json()["created"]) == (201, True)
    assert answer["id"] in found(client, "an orange disk")


def test_uploads_stay_through_indexing_compacting_and_moving(
    client: httpx.Client, target: Path, photos: Path, tmp_path: Path
) -> None:
    kept = upload(client, picture("teal"), caption="a teal disk").json()["id"]
    assert build_collection([photos], target, models="bundled").to_dict()["removed"] == 0
    with CollectionWriter.open(target) as writer:
        compact_collection(writer)
    checked = verify_collection(target)
    assert checked.problems == ()
    assert checked.checked["uploads"] >= 1
    assert kept in found(client, "a teal disk")
    # Elsewhere it leads to its own files, not to those of the place that it was copied from.
    moved = tmp_path / "moved.collection"
    shutil.copytree(target, moved)
    with running(create_app(Settings(collection=moved))) as url:
        wait_ready(url)
        assert httpx.delete(f"{url}/v1/images/{kept}", timeout=60).status_code == 204
    assert not list((moved / "uploads").glob(f"{kept}*"))
    assert client.get(f"/v1/images/{kept}").status_code == 200


def test_damaged_embeddings_of_uploads_are_made_anew(client: httpx.Client, target: Path, photos: Path) -> None:
    kept = upload(client, picture("navy"), caption="a navy disk", tags="deep").json()["id"]
    with CollectionWriter.open(target) as writer:
        segment, row = writer.catalog.connection.execute(
            "SELECT segment, row FROM image WHERE id = ?", (kept,)
        ).fetchone()
        width = 2 * writer.encoder.dimension
    with (target / f"segments/{segment:08d}.fp16").open("r+b") as file:
        file.seek(row * width)
        file.write(b"\xff" * 8)
    report = build_collection([photos], target, models="bundled").to_dict()
    assert (report["updated"], report["failed"]) == (1, [])
    assert found(client, "a navy disk", filter='tag = "deep"') == [kept]
    # And one whose file has gone is dropped.
    next((target / "uploads").glob(f"{kept}.png")).unlink()
    assert not verify_collection(target).sound
    assert build_collection([photos], target, models="bundled").to_dict()["removed"] == 1
    assert kept not in found(client, "a navy disk")
    assert verify_collection(target).sound


def test_deleting_an_indexed_picture_leaves_its_file(client: httpx.Client, target: Path, photos: Path) -> None:
    hit = client.post("/v1/search", json={"query": "jeans", "top_k": 1, "rerank": False}).json()["hits"][0]
    assert client.delete(f"/v1/images/{hit['id']}").status_code == 204
    assert Path(hit["path"]).is_file()
    assert hit["id"] not in found(client, "jeans")
    assert build_collection([photos], target, models="bundled").to_dict()["added"] == 0
    assert hit["id"] not in found(client, "jeans")


def test_while_another_writes_nothing_is_changed(
    client: httpx.Client, target: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with WriteLock(target):
        answer = upload(client, picture("olive"))
        assert_problem(answer, 503, "another process is writing")
        assert int(answer.headers["retry-after"]) > 0
        # Who it is and where is for the operator, not for strangers.
        holder = f"pid {os.getpid()} on {socket.gethostname()}"
        assert holder in caplog.text
        assert str(target) in caplog.text
        for secret in (str(target), target.name, str(os.getpid()), socket.gethostname()):
            assert secret not in answer.text
        some = found(client, "jeans")[0]
        assert client.delete(f"/v1/images/{some}").status_code == 503
    assert upload(client, picture("olive")).status_code == 201
    assert some in found(client, "jeans")


@pytest.mark.parametrize(
    ("data", "status", "word"),
    [
        (b"", 415, "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not an image"),
        (b"PK\3\4 no picture", 415, "not an image"),
        (picture("red")[:300], 415, "damaged"),
        (claiming_png(60_000, 60_000), 422, "pixels"),
        (flat_png(9_000, 9_000), 422, "pixels"),
    ],
)
def test_what_is_no_picture_leaves_nothing(
    client: httpx.Client, target: Path, data: bytes, status: int, word: str
) -> None:
    folder = target / "uploads"
    before = sorted(folder.iterdir()) if folder.is_dir() else []
    assert_problem(upload(client, data), status, word)
    assert (sorted(folder.iterdir()) if folder.is_dir() else []) == before


def test_forms_are_checked(client: httpx.Client) -> None:
    assert_problem(client.post("/v1/images", json={"image": "x"}), 415, "multipart")
    assert_problem(client.post("/v1/images", files={"picture": b"x"}), 422, "image")
    assert_problem(upload(client, picture("red"), caption="x" * 3_000), 422, "caption")
    assert_problem(client.post("/v1/images", data={"image": "x"}, files={"a": b""}), 422)
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert_problem(client.post("/v1/images", content=b"--y\r\nnonsense", headers=headers), 400)


def test_other_sites_cannot_have_a_browser_upload(client: httpx.Client) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        files = {"image": ("x.png", picture("purple"))}
        assert client.post("/v1/images", files=files, headers=headers).status_code == 403


def test_off_where_strangers_can_ask(target: Path) -> None:
    stranger = Settings(collection=target, host="0.0.0.0", allow_anonymous=True)
    assert not stranger.uploads_allowed
    assert not stranger.deletes_allowed
    assert Settings(host="0.0.0.0", api_keys="one").uploads_allowed
    with running(create_app(stranger)) as url:
        wait_ready(url)
        image = {"image": ("x.png", picture("purple"))}
        assert_problem(httpx.post(f"{url}/v1/images", files=image, timeout=60), 403, "ALLOW_UPLOADS")
        assert_problem(httpx.delete(f"{url}/v1/images/img_{'0' * 20}", timeout=60), 403, "ALLOW_DELETES")


def test_similar_pictures_come_without_the_picture_itself(client: httpx.Client) -> None:
    first = found(client, "jeans")[0]
    answer = client.get(f"/v1/images/{first}/similar", params={"top_k": 3})
    assert answer.status_code == 200
    hits = answer.json()["hits"]
    assert len(hits) == 3
    assert first not in [hit["id"] for hit in hits]
    assert [hit["similarity"] for hit in hits] == sorted((hit["similarity"] for hit in hits), reverse=True)
    assert set(answer.json()) == set(client.post("/v1/search", json={"query": "x"}).json())
    assert_problem(client.get(f"/v1/images/img_{'0' * 20}/similar"), 404)
    assert_problem(client.get(f"/v1/images/{first}/similar?top_k=0"), 422, "top_k")
    assert_problem(client.get(f"/v1/images/{first}/similar", params={"filter": "width >>"}), 422, "filter")


def test_captions_are_kept_beside_the_file(client: httpx.Client, target: Path) -> None:
    caption = 'a "maroon" disk, = 日本'
    kept = upload(client, picture("maroon"), caption=caption).json()["id"]
    assert json.loads((target / f"uploads/{kept}.json").read_text())["caption"] == caption
