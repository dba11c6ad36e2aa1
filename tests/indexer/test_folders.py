"""Which files count, how far links lead, and folders that are gone, empty or not mounted."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from indexer import build_collection
from rerank.errors import InputError
from retrieval.collection import Collection
from retrieval.errors import CollectionError, ImageNotFound
from tests.fakes import ColourEncoder
from tests.indexer.seen import counts, names_found
from tests.pictures import paint


def test_hidden_files_and_collections_are_not_looked_into(folder: Path, encoder: ColourEncoder) -> None:
    paint(folder / ".hidden.png", "red")
    paint(folder / ".thumbnails" / "x.png", (1, 2, 3))
    inside = folder / "inside.collection"
    assert counts(build_collection([folder], inside, encoder=encoder)) == {"added": 8}
    paint(inside / "stray.png", (9, 9, 9))
    assert counts(build_collection([folder], inside, encoder=encoder)) == {"unchanged": 8}


def test_links_lead_no_further_than_the_folder(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    outside = paint(folder.parent / "secret" / "s.png", (77, 7, 7))
    (folder / "link.png").symlink_to(outside)
    (folder / "dir").symlink_to(outside.parent)
    (folder / "alias.png").symlink_to(folder / "red.png")
    report = build_collection([folder], target, encoder=encoder)
    assert report.added == 9
    assert sorted(Path(failure.path).name for failure in report.failed) == ["dir", "link.png"]
    # A picture that is later replaced by a link out of the folder is not handed out.
    with Collection.open(target) as collection:
        blue = collection.search(encoder.encode_texts(["blue"])[0], 1)[0].id
        (folder / "blue.png").unlink()
        (folder / "blue.png").symlink_to(outside)
        with pytest.raises(ImageNotFound, match="index its folder again"):
            collection.file(blue)


def test_several_folders_and_only_the_given_ones_are_compared(
    folder: Path, target: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    other = paint(tmp_path / "other" / "one.png", (1, 1, 90)).parent
    report = build_collection([folder, other, folder / ".." / "photos"], target, encoder=encoder)
    assert report.added == 9
    shutil.rmtree(other)
    assert counts(build_collection([folder], target, encoder=encoder)) == {"unchanged": 8}
    with Collection.open(target) as collection:
        assert collection.info().images == 9
        assert set(collection.info().roots) == {str(folder), str(other)}


def test_missing_folder_deletes_nothing(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    build_collection([folder], target, encoder=encoder)
    folder.rename(folder.with_name("away"))
    with pytest.raises(InputError, match="mount it first"):
        build_collection([folder], target, encoder=encoder)
    with Collection.open(target) as collection:
        assert collection.info().images == 8


def test_unreadable_folder_is_reported_and_its_images_stay(
    folder: Path, target: Path, encoder: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(folder / "sub" / "dark.png", (1, 1, 60))
    build_collection([folder], target, encoder=encoder)
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("/sub"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    report = build_collection([folder], target, encoder=encoder)
    assert counts(report) == {"unchanged": 8}
    assert [(f.path, f.reason) for f in report.failed] == [(str(folder / "sub"), "cannot be read (Permission denied)")]
    with Collection.open(target) as collection:
        assert collection.info().images == 9


def test_unmounted_folder_deletes_nothing(
    folder: Path, target: Path, encoder: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    usb = paint(folder / "usb" / "holiday.png", (3, 200, 90)).parent
    real, mounted = os.path.ismount, {str(usb), str(folder)}
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) in mounted or real(path))
    assert build_collection([folder], target, encoder=encoder).added == 9

    mounted.remove(str(usb))
    (usb / "holiday.png").rename(folder.parent / "holiday.png")
    report = build_collection([folder], target, encoder=encoder)
    assert counts(report) == {"unchanged": 8}
    assert [(failure.path, "mounted" in failure.reason) for failure in report.failed] == [(str(usb), True)]

    mounted.clear()
    for path in folder.glob("*.png"):
        path.unlink()
    with pytest.raises(InputError, match="no longer mounted"):
        build_collection([folder], target, encoder=encoder)
    with Collection.open(target) as collection:
        assert collection.info().images == 9


def test_emptied_folder_loses_its_images(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    build_collection([folder], target, encoder=encoder)
    for path in folder.iterdir():
        path.unlink()
    assert counts(build_collection([folder], target, encoder=encoder)) == {"removed": 8}
    assert names_found(target, "red") == []


def test_directory_with_other_things_is_no_collection(folder: Path, encoder: ColourEncoder) -> None:
    before = sorted(folder.iterdir())
    with pytest.raises(CollectionError, match="other things"):
        build_collection([folder], folder, encoder=encoder)
    assert sorted(folder.iterdir()) == before


def test_part_of_a_folder_alone(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    part = paint(folder / "sub" / "dark.png", (1, 1, 60)).parent
    (part / "alias.png").symlink_to(folder / "red.png")
    assert counts(build_collection([folder], target, encoder=encoder)) == {"added": 10}
    paint(part / "new.png", (1, 61, 1))
    (folder / "blue.png").unlink()
    assert counts(build_collection([part], target, encoder=encoder)) == {"added": 1, "unchanged": 2}
    with Collection.open(target) as collection:
        assert collection.info().roots == (str(folder),)
    assert counts(build_collection([folder], target, encoder=encoder)) == {"removed": 1, "unchanged": 10}


def test_a_larger_folder_takes_in_the_smaller_one(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    build_collection([folder], target, encoder=encoder)
    assert counts(build_collection([folder.parent], target, encoder=encoder)) == {"unchanged": 8}
    with Collection.open(target) as collection:
        assert collection.info().roots == (str(folder.parent),)
