"""Image tokens in a collection: what was written is read, damage is never silent, old collections open unchanged."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer import build_collection
from retrieval.collection import Collection
from retrieval.token_writer import TokenWriter
from retrieval.types import EncoderRecord, TokenSet
from retrieval.writer import CollectionWriter
from tests.fakes import ColourEncoder, ColourTokens, quarters
from tests.pictures import paint_all

SCHEMA_1 = Path(__file__).parent.parent / "data" / "collection-schema-1.tar.gz"
RECORD = EncoderRecord("colours", 12, "colours-1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    paint_all(tmp_path / "photos")
    return tmp_path / "photos"


@pytest.fixture
def target(folder: Path) -> Path:
    path = folder.parent / "photos.collection"
    report = build_collection([folder], path, encoder=ColourEncoder(), precompute_rerank=ColourTokens())
    assert report.precomputed == 8
    return path


def tokens_of(target: Path, fingerprint: str = "colour-tokens-1") -> dict[str, np.ndarray]:
    """Tokens by the name of the picture."""
    with Collection.open(target) as collection:
        hits = collection.search(ColourEncoder().encode_texts(["red"])[0], 100)
        records = collection.images([hit.id for hit in hits])
        found = collection.rerank_tokens(list(records), fingerprint)
        return {Path(records[image_id].paths[0]).stem: values for image_id, values in found.items()}


def token_file(target: Path) -> Path:
    return target / "tokens" / "00000001.fp16"


def assert_right(found: dict[str, np.ndarray], folder: Path) -> None:
    """Each picture has its own tokens."""
    for name, values in found.items():
        assert values.dtype == np.float16
        np.testing.assert_array_equal(values, quarters(Image.open(folder / f"{name}.png")))


def test_tokens_come_back_as_they_went_in(folder: Path, target: Path) -> None:
    found = tokens_of(target)
    assert len(found) == 8
    assert_right(found, folder)
    assert tokens_of(target, "of-another-reranker") == {}
    with Collection.open(target) as collection:
        assert collection.rerank_tokens(["img_none"], "colour-tokens-1") == {}
        assert collection.token_sets() == [TokenSet("colour-tokens-1", 8, 8 * 24)]


def test_two_rerankers_lie_side_by_side(folder: Path, target: Path) -> None:
    other = ColourTokens(fingerprint="colour-tokens-2")
    other.token_shape = (2, 6)
    assert build_collection([folder], target, encoder=ColourEncoder(), precompute_rerank=other).precomputed == 8
    assert {values.shape for values in tokens_of(target).values()} == {(4, 3)}
    assert {values.shape for values in tokens_of(target, "colour-tokens-2").values()} == {(2, 6)}
    with Collection.open(target) as collection:
        assert [(one.fingerprint, one.images) for one in collection.token_sets()] == [
            ("colour-tokens-1", 8),
            ("colour-tokens-2", 8),
        ]


def test_images_that_are_removed_take_their_tokens_along(folder: Path, target: Path) -> None:
    red = (folder / "red.png").read_bytes()
    (folder / "red.png").unlink()
    build_collection([folder], target, encoder=ColourEncoder())
    assert set(tokens_of(target)) == {path.stem for path in folder.iterdir()}
    (folder / "red.png").write_bytes(red)
    tokens = ColourTokens()
    build_collection([folder], target, encoder=ColourEncoder(), precompute_rerank=tokens)
    assert tokens.encoded == 1
    assert_right(tokens_of(target), folder)
    assert len(tokens_of(target)) == 8


@pytest.mark.parametrize("damage", ["bit flip", "cut short", "gone"])
def test_damaged_tokens_are_left_out_named_and_made_anew(
    folder: Path, target: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = token_file(target)
    if damage == "bit flip":
        data = bytearray(path.read_bytes())
        data[2 * 24 + 5] ^= 0x10
        path.write_bytes(data)
    elif damage == "cut short":
        os.truncate(path, 7 * 24 + 3)
    else:
        path.unlink()
    lost = 8 if damage == "gone" else 1
    with caplog.at_level(logging.WARNING):
        found = tokens_of(target)
    assert len(found) == 8 - lost
    assert_right(found, folder)
    first = {"bit flip": 2, "cut short": 7, "gone": 0}[damage]
    (message,) = caplog.messages
    assert f"tokens/00000001.fp16: {lost} rows of image tokens" in message
    assert f"the first is row {first};" in message
    assert "--precompute-rerank" in message
    tokens = ColourTokens()
    build_collection([folder], target, encoder=ColourEncoder(), precompute_rerank=tokens)
    assert tokens.encoded == lost
    assert len(tokens_of(target)) == 8
    assert_right(tokens_of(target), folder)


def test_every_flipped_bit_is_noticed(folder: Path, target: Path) -> None:
    path = token_file(target)
    whole = path.read_bytes()
    for position in range(0, len(whole), 5):
        data = bytearray(whole)
        data[position] ^= 1
        path.write_bytes(data)
        found = tokens_of(target)
        assert len(found) == 7
        assert_right(found, folder)


def test_a_torn_tail_is_overwritten(folder: Path, target: Path) -> None:
    with token_file(target).open("ab") as file:
        file.write(b"torn" * 11)
    Image.new("RGB", (9, 9), (1, 2, 3)).save(folder / "new.png")
    build_collection([folder], target, encoder=ColourEncoder(), precompute_rerank=ColourTokens())
    assert len(tokens_of(target)) == 9
    assert_right(tokens_of(target), folder)


def test_a_catalogue_from_before_the_tokens_reads_none_of_them(folder: Path, target: Path) -> None:
    """Put back from a copy, it overwrites what it does not know of, and finds nothing wrong in its place."""
    with sqlite3.connect(target / "catalog.sqlite") as connection:
        connection.execute("DELETE FROM rerank_tokens")
        connection.execute("DELETE FROM token_segment")
        connection.execute("DELETE FROM sqlite_sequence WHERE name = 'token_segment'")
    connection.close()
    assert tokens_of(target) == {}
    (folder / "blue.png").unlink()
    build_collection([folder], target, encoder=ColourEncoder(), precompute_rerank=ColourTokens())
    assert len(tokens_of(target)) == 7
    assert_right(tokens_of(target), folder)


def test_tokens_are_durable_before_the_catalogue_counts_them(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    sync = os.fdatasync
    with CollectionWriter.create_or_open(target, RECORD) as writer:
        tokens = TokenWriter(writer, "new", (1, 5))
        key = tokens.next_missing(0, 1)[0].key
        monkeypatch.setattr(os, "fdatasync", lambda descriptor: (events.append("synced"), sync(descriptor)))
        writer.catalog.connection.set_trace_callback(events.append)
        tokens.commit([(key, np.ones((1, 5), dtype=np.float16))])
        tokens.close()
    order = [event.split()[0] for event in events if event == "synced" or event.split()[0] in ("BEGIN", "COMMIT")]
    assert order == ["BEGIN", "synced", "COMMIT"]
    entered = next(number for number, event in enumerate(events) if event.startswith("INSERT INTO rerank_tokens"))
    counted = next(number for number, event in enumerate(events) if event.startswith("UPDATE token_segment"))
    assert min(entered, counted) > events.index("synced")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Pictures and their collection as the former schema had it."""
    with tarfile.open(SCHEMA_1) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def test_a_collection_of_the_former_schema_is_read_unchanged(old: Path) -> None:
    target = old / "photos.collection"
    before = hashlib.sha256((target / "catalog.sqlite").read_bytes()).digest()
    assert tokens_of(target) == {}
    with Collection.open(target) as collection:
        assert collection.info().images == 8
        assert collection.token_sets() == []
        hit = collection.search(ColourEncoder().encode_texts(["blue"])[0], 1)[0]
        assert collection.image(hit.id).paths == ("/tmp/veralens-schema-1/photos/blue.png",)
    assert hashlib.sha256((target / "catalog.sqlite").read_bytes()).digest() == before


def test_a_collection_of_the_former_schema_is_brought_up_by_the_next_indexing(old: Path) -> None:
    target, encoder = old / "photos.collection", ColourEncoder()
    with Collection.open(target) as collection:
        report = build_collection([old / "photos"], target, encoder=encoder, precompute_rerank=ColourTokens())
        assert (report.added, report.precomputed, encoder.embedded) == (8, 8, 0)
        # A reader from before sees the tokens as well.
        ids = [hit.id for hit in collection.search(encoder.encode_texts(["blue"])[0], 8)]
        assert len(collection.rerank_tokens(ids, "colour-tokens-1")) == 8
