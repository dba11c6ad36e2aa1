from __future__ import annotations

import base64
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from indexer.samples.catalogue import sample_catalogue
from indexer.samples.rendering import draw

# Read when haystack is imported, which is why it stands here: otherwise it reports home.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"

CAPTIONS = ("red sneakers", "a green dotted mug", "blue denim jeans", "a red leather handbag", "a yellow T-shirt")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched and nothing is reported, by us or by the libraries."""

    def refuse(self: socket.socket, address: Any) -> None:
        raise AssertionError(f"a connection to {address} was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Drawn pictures by caption, the blue jeans in the middle."""
    folder = tmp_path_factory.mktemp("pictures")
    scenes = {sample.caption: sample.scene for sample in reversed(sample_catalogue())}
    paths = {caption: folder / f"{caption.replace(' ', '-')}.png" for caption in CAPTIONS}
    for caption, path in paths.items():
        draw(scenes[caption]).save(path)
    return paths


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("broken") / "broken.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0 not much of a picture")
    return path


@pytest.fixture(scope="session")
def encoded(pictures: dict[str, Path]) -> dict[str, str]:
    """The pictures' files as base64."""
    return {caption: base64.b64encode(path.read_bytes()).decode() for caption, path in pictures.items()}
