from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.api.conftest import assert_problem
from tests.api.fakes import FakeEngine, FakeShelf

AddPicture = Callable[[bytes], str]
UNKNOWN = "img_" + "0" * 20


def image_id(engine: FakeEngine, name: str) -> str:
    return next(key for key, path in engine.collection.paths.items() if path.name == name)


@pytest.fixture
def add_picture(shared_engine: FakeEngine, pictures: Path) -> Iterator[AddPicture]:
    """Puts a file into the collection, gives its id, and takes it out after the test."""
    path, before = pictures / "new.jpg", shared_engine.collection

    def add(content: bytes) -> str:
        path.write_bytes(content)
        shared_engine.collection = FakeShelf(pictures)
        return image_id(shared_engine, "new.jpg")

    yield add
    shared_engine.collection = before
    path.unlink(missing_ok=True)


@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "image/jpeg"), ("b.png", "image/png")])
def test_a_picture_comes_as_it_is(client: httpx.Client, shared_engine: FakeEngine, name: str, kind: str) -> None:
    found = image_id(shared_engine, name)
    response = client.get(f"/v1/images/{found}")
    assert response.content == shared_engine.collection.file(found).read_bytes()
    assert response.headers["content-type"] == kind
    assert "sandbox" in response.headers["content-security-policy"]


def test_a_format_that_browsers_do_not_show_comes_as_jpeg(client: httpx.Client, shared_engine: FakeEngine) -> None:
    response = client.get(f"/v1/images/{image_id(shared_engine, 'c.tif')}")
    assert response.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(response.content)).size == (600, 402)


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_a_thumbnail_fits_its_size(client: httpx.Client, shared_engine: FakeEngine, size: int) -> None:
    response = client.get(f"/v1/images/{image_id(shared_engine, 'b.png')}/thumbnail", params={"size": size})
    picture = Image.open(io.BytesIO(response.content))
    assert picture.format == "JPEG"
    assert max(picture.size) == size
    assert not picture.getexif()


def test_a_thumbnail_is_upright_and_has_no_metadata(
    client: httpx.Client, add_picture: AddPicture, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    exif[0x010E] = "private words"
    Image.new("RGB", (600, 300), "red").save(path := tmp_path / "turned.jpg", exif=exif)
    response = client.get(f"/v1/images/{add_picture(path.read_bytes())}/thumbnail")
    picture = Image.open(io.BytesIO(response.content))
    assert picture.size == (128, 256)
    assert b"private" not in response.content


@pytest.mark.parametrize("size", ["0", "-1", "100", "99999", "many"])
def test_other_sizes_are_refused(client: httpx.Client, shared_engine: FakeEngine, size: str) -> None:
    response = client.get(f"/v1/images/{image_id(shared_engine, 'a.jpg')}/thumbnail", params={"size": size})
    assert_problem(response, 422, "size")


@pytest.mark.parametrize("suffix", ["", "/thumbnail"])
def test_pictures_may_be_kept_for_ever(client: httpx.Client, shared_engine: FakeEngine, suffix: str) -> None:
    path = f"/v1/images/{image_id(shared_engine, 'a.jpg')}{suffix}"
    first = client.get(path)
    assert "immutable" in first.headers["cache-control"]
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize(
    "name",
    [
        UNKNOWN,
        "a.jpg",
        "..",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "..%2f..%2fetc%2fpasswd",
        "..%5c..%5cetc%5cpasswd",
        "%2fetc%2fpasswd",
        "img_%00",
        "img_" + "0" * 2000,
        "' OR 1=1 --",
    ],
)
@pytest.mark.parametrize("suffix", ["", "/thumbnail"])
def test_nothing_but_ids_of_the_collection(client: httpx.Client, name: str, suffix: str) -> None:
    response = client.get(f"/v1/images/{name}{suffix}")
    assert response.status_code in (404, 422)
    assert_problem(response, response.status_code)
    assert b"root:" not in response.content


@pytest.mark.parametrize("suffix", ["", "/thumbnail"])
def test_a_file_put_in_the_place_of_another_is_not_handed_out(
    client: httpx.Client, shared_engine: FakeEngine, add_picture: AddPicture, tmp_path: Path, suffix: str
) -> None:
    Image.new("RGB", (600, 401), "white").save(tmp_path / "mine.jpg")
    Image.new("RGB", (600, 401), "black").save(secret := tmp_path / "secret.jpg")
    found = add_picture((tmp_path / "mine.jpg").read_bytes())
    path = shared_engine.collection.file(found)
    path.unlink()
    path.symlink_to(secret)
    assert_problem(client.get(f"/v1/images/{found}{suffix}"), 404, "changed")
    path.unlink()
    os.mkfifo(path)
    assert_problem(client.get(f"/v1/images/{found}{suffix}"), 404, "changed")
    path.unlink()
    assert_problem(client.get(f"/v1/images/{found}{suffix}"), 404)
