"""What a person who indexes a folder notices."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from indexer import build_collection
from rerank.decoding.pool import DecoderPool
from rerank.errors import InputError
from retrieval.collection import Collection
from retrieval.errors import EncoderMismatch, ImageNotFound
from tests.fakes import COLOURS, ColourEncoder
from tests.indexer.seen import counts, names_found
from tests.pictures import paint, shade
from tests.rerank.bombs import many_scans


def test_what_was_indexed_is_found(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    assert counts(build_collection([folder], target, encoder=encoder)) == {"added": 8}
    assert names_found(target, "blue", 1) == [["blue.png"]]
    with Collection.open(target) as collection:
        info = collection.info()
        assert (info.name, info.images, info.roots) == ("photos", 8, (str(folder),))
        hit = collection.search(encoder.encode_texts(["red"])[0], 1)[0]
        assert hit.similarity == pytest.approx(1.0, abs=1e-3)
        record = collection.image(hit.id)
        assert (record.width, record.height, record.format) == (40, 30, "PNG")
        assert record.bytes == (folder / "red.png").stat().st_size
        assert collection.file(hit.id) == folder / "red.png"


def test_second_run_embeds_nothing(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    build_collection([folder], target, encoder=encoder)
    with Collection.open(target) as collection:
        before = collection.info()
    report = build_collection([folder], target, encoder=encoder)
    assert counts(report) == {"unchanged": 8}
    assert encoder.embedded == 8
    with Collection.open(target) as collection:
        assert collection.info().generation == before.generation


def test_touched_file_is_read_but_not_embedded(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    build_collection([folder], target, encoder=encoder)
    os.utime(folder / "red.png", (1, 1))
    assert counts(build_collection([folder], target, encoder=encoder)) == {"unchanged": 8}
    assert encoder.embedded == 8


def test_bad_files_are_listed_and_stop_nothing(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    (folder / "text.jpg").write_text("this is no picture")
    (folder / "empty.png").touch()
    paint(folder / "cut.jpg", "blue", (400, 400))
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:900])
    os.mkfifo(folder / "pipe.png")
    (folder / "loop").symlink_to(folder)
    (folder / "circle.png").symlink_to("circle.png")
    (folder / "nothing.png").symlink_to("not-there.png")
    report = build_collection([folder], target, encoder=encoder)
    assert counts(report) == {"added": 8}
    reasons = {Path(failure.path).name: failure.reason for failure in report.failed}
    assert set(reasons) == {"text.jpg", "empty.png", "cut.jpg", "pipe.png", "loop", "circle.png", "nothing.png"}
    assert "not an image" in reasons["text.jpg"]
    assert "empty" in reasons["empty.png"]
    assert "damaged" in reasons["cut.jpg"]
    assert "FIFO" in reasons["pipe.png"]
    assert "circle" in reasons["circle.png"]
    assert names_found(target, "green", 1) == [["green.png"]]


def test_each_picture_keeps_its_own_embedding_among_bad_ones(target: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for number in range(60):
        if number % 3 == 1:
            folder.joinpath(f"{number:03d}.png").write_bytes(b"bad")
        else:
            paint(folder / f"{number:03d}.png", shade(number))
    encoder = ColourEncoder()
    report = build_collection([folder], target, encoder=encoder, batch_size=7)
    assert (report.added, len(report.failed)) == (40, 20)
    from PIL import Image

    with Collection.open(target) as collection:
        for number in (0, 2, 30, 59):
            picture = Image.open(folder / f"{number:03d}.png").convert("RGB")
            nearest = collection.search(encoder.encode_images([picture])[0], 1)[0]
            assert collection.image(nearest.id).paths == (str(folder / f"{number:03d}.png"),)


def test_report_as_json_has_the_names_of_the_contract(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    (folder / "bad.jpg").touch()
    document = build_collection([folder], target, encoder=encoder).to_dict()
    assert set(document) == {
        *("added", "updated", "moved", "removed", "unchanged"),
        *("failed", "seconds", "images_per_second"),
        *("precomputed", "precompute_bytes_per_image", "ignored", "not_retried"),
    }
    assert document["failed"] == [{"path": str(folder / "bad.jpg"), "reason": "is empty (0 bytes)"}]
    json.dumps(document)


def test_renamed_and_moved_files_are_not_embedded_again(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    build_collection([folder], target, encoder=encoder)
    (folder / "red.png").rename(folder / "rouge.png")
    (folder / "sub").mkdir()
    (folder / "blue.png").rename(folder / "sub" / "blue.png")
    report = build_collection([folder], target, encoder=encoder)
    assert counts(report) == {"moved": 2, "unchanged": 6}
    assert encoder.embedded == 8
    assert names_found(target, "red", 1) == [["rouge.png"]]


def test_swapped_names_are_not_embedded_again(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    build_collection([folder], target, encoder=encoder, batch_size=1)
    (folder / "red.png").rename(folder / "x")
    (folder / "blue.png").rename(folder / "red.png")
    (folder / "x").rename(folder / "blue.png")
    report = build_collection([folder], target, encoder=encoder, batch_size=1)
    assert encoder.embedded == 8
    assert report.removed == 0
    assert names_found(target, "red", 1) == [["blue.png"]]


def test_copies_are_one_image_with_every_path(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    shutil.copy(folder / "red.png", folder / "red copy.png")
    assert counts(build_collection([folder], target, encoder=encoder)) == {"added": 9}
    assert encoder.embedded == 8
    assert names_found(target, "red", 1) == [["red copy.png", "red.png"]]
    (folder / "red copy.png").unlink()
    assert counts(build_collection([folder], target, encoder=encoder)) == {"removed": 1, "unchanged": 8}
    assert names_found(target, "red", 1) == [["red.png"]]


def test_removed_file_is_gone(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    build_collection([folder], target, encoder=encoder)
    with Collection.open(target) as collection:
        red = collection.search(encoder.encode_texts(["red"])[0], 1)[0].id
    (folder / "red.png").unlink()
    assert counts(build_collection([folder], target, encoder=encoder)) == {"removed": 1, "unchanged": 7}
    assert ["red.png"] not in names_found(target, "red", 8)
    with Collection.open(target) as collection, pytest.raises(ImageNotFound, match=red):
        collection.image(red)


def test_edited_file_is_updated(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    build_collection([folder], target, encoder=encoder)
    paint(folder / "red.png", (10, 10, 200))
    assert counts(build_collection([folder], target, encoder=encoder)) == {"updated": 1, "unchanged": 7}
    assert encoder.embedded == 9
    assert sorted(names_found(target, "blue", 2)) == [["blue.png"], ["red.png"]]
    with Collection.open(target) as collection:
        assert collection.info().images == 8


def test_file_that_became_unreadable_as_image_is_dropped(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    build_collection([folder], target, encoder=encoder)
    (folder / "red.png").write_bytes(b"scrambled")
    report = build_collection([folder], target, encoder=encoder)
    assert counts(report) == {"removed": 1, "unchanged": 7}
    assert [Path(failure.path).name for failure in report.failed] == ["red.png"]


def test_names_that_are_not_utf8(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    odd = (folder / "red.png").rename(folder / os.fsdecode(b"caf\xe9 \n.png"))
    (folder / os.fsdecode(b"b\xff.jpg")).write_bytes(b"bad")
    report = build_collection([folder], target, encoder=encoder)
    assert report.added == 8
    assert report.failed[0].path.endswith("b\\xff.jpg")
    with Collection.open(target) as collection:
        hit = collection.search(encoder.encode_texts(["red"])[0], 1)[0]
        assert collection.file(hit.id) == odd
        assert collection.image(hit.id).paths[0].endswith("caf\\xe9 \n.png")
        json.dumps(collection.image(hit.id).paths, ensure_ascii=False).encode()
    assert counts(build_collection([folder], target, encoder=encoder)) == {"unchanged": 8}


def test_captions_and_tags_beside_images(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    (folder / "red.txt").write_text("a red square\n", encoding="utf-8")
    (folder / "blue.json").write_text('{"caption": "a blue \\ud800 one", "tags": ["cold", "cold", "sea"]}')
    (folder / "green.json").write_text("{not json")
    (folder / "cyan.json").write_text("[1, 2]")
    report = build_collection([folder], target, encoder=encoder)
    assert counts(report) == {"added": 8}
    assert [Path(failure.path).name for failure in report.failed] == ["green.json"]

    def record(colour: str) -> tuple[str | None, tuple[str, ...]]:
        with Collection.open(target) as collection:
            hit = collection.search(encoder.encode_texts([colour])[0], 1)[0]
            return collection.image(hit.id).caption, collection.image(hit.id).tags

    assert record("red") == ("a red square", ())
    assert record("blue") == ("a blue ? one", ("cold", "sea"))
    (folder / "red.txt").write_text("scarlet", encoding="utf-8")
    (folder / "green.json").unlink()
    assert counts(build_collection([folder], target, encoder=encoder)) == {"updated": 1, "unchanged": 7}
    assert record("red") == ("scarlet", ())
    assert encoder.embedded == 8


def test_other_encoder_is_refused(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    build_collection([folder], target, encoder=encoder)
    with pytest.raises(EncoderMismatch, match="name the encoder it was built with"):
        build_collection([folder], target, encoder=ColourEncoder(fingerprint="colours-2"))
    assert counts(build_collection([folder], target, encoder=encoder)) == {"unchanged": 8}


def test_wrong_arguments_leave_nothing_behind(folder: Path, target: Path) -> None:
    with pytest.raises(InputError, match="neither a preset"):
        build_collection([folder], target, models="no-such-model")
    assert not target.exists()
    with pytest.raises(InputError, match="at least one folder"):
        build_collection([], target)


def test_ctrl_c_keeps_what_is_committed(folder: Path, target: Path) -> None:
    class Interrupted(ColourEncoder):
        def encode_images(self, images):  # type: ignore[no-untyped-def]
            if any(image.getpixel((0, 0)) == COLOURS["red"] for image in images):
                raise KeyboardInterrupt
            return super().encode_images(images)

    with pytest.raises(KeyboardInterrupt):
        build_collection([folder], target, encoder=Interrupted(), batch_size=2)
    with Collection.open(target) as collection:
        assert collection.info().images == 4
        assert "memory" not in collection.info().index
    encoder = ColourEncoder()
    assert counts(build_collection([folder], target, encoder=encoder)) == {"added": 4, "unchanged": 4}
    assert encoder.embedded == 4


def test_ctrl_c_does_not_wait_for_what_is_being_decoded(folder: Path, target: Path) -> None:
    (folder / "zz.jpg").write_bytes(many_scans(4000, 4_000))

    class Interrupted(ColourEncoder):
        def encode_images(self, images):  # type: ignore[no-untyped-def]
            raise KeyboardInterrupt

    # Its ten minutes of decoding would end the test.
    with DecoderPool(2, seconds=600) as decoders, pytest.raises(KeyboardInterrupt):
        build_collection([folder], target, encoder=Interrupted(), batch_size=2, decoders=decoders)


def test_image_that_the_encoder_cannot_take_fails_alone(folder: Path, target: Path) -> None:
    class Picky(ColourEncoder):
        def encode_images(self, images):  # type: ignore[no-untyped-def]
            if any(image.getpixel((0, 0)) == (255, 0, 0) for image in images):
                raise RuntimeError("out of memory")
            return super().encode_images(images)

    report = build_collection([folder], target, encoder=Picky())
    assert report.added == 7
    assert [Path(failure.path).name for failure in report.failed] == ["red.png"]


def test_progress_ends_at_the_total(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    seen: list[tuple[int, int]] = []
    build_collection([folder], target, encoder=encoder, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (8, 8)
    assert all(done <= total for done, total in seen)


def test_sideways_photo_has_its_upright_size(tmp_path: Path, target: Path, encoder: ColourEncoder) -> None:
    from PIL import Image

    (tmp_path / "photos").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1600, 800), (200, 30, 30)).save(tmp_path / "photos" / "p.jpg", exif=exif)
    build_collection([tmp_path / "photos"], target, encoder=encoder)
    with Collection.open(target) as collection:
        record = collection.image(collection.search(encoder.encode_texts(["red"])[0], 1)[0].id)
        assert (record.width, record.height, record.format) == (800, 1600, "JPEG")
