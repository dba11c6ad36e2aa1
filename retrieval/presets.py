"""Pairs of models that go together, by name."""

from __future__ import annotations

from dataclasses import dataclass

from rerank.errors import InputError


@dataclass(frozen=True)
class Preset:
    """An encoder and the reranker that matches it."""

    encoder: str
    reranker: str
    note: str


PRESETS = {
    "bundled": Preset("bundled", "bundled", "in the package, nothing to download; simple pictures, simple sentences"),
    "standard": Preset(
        "ViT-B-32/laion2b_s34b_b79k",
        "iic/ofa_visual-entailment_snli-ve_distilled_v2_en",
        "photos; fits a CPU; about 0.75 GB to download",
    ),
    "best": Preset(
        "ViT-L-14/datacomp_xl_s13b_b90k",
        "iic/ofa_visual-entailment_snli-ve_large_en",
        "photos; wants a GPU; about 3.6 GB to download",
    ),
}


def encoder_of(name: str) -> str:
    """The encoder that ``name`` stands for: a preset's, or ``name`` itself."""
    return PRESETS[name].encoder if name in PRESETS else name


def reranker_of(name: str) -> str:
    """The reranker that ``name`` stands for: a preset's, or ``name`` itself."""
    return PRESETS[name].reranker if name in PRESETS else name


def matching_reranker(encoder: str) -> str:
    """The reranker that goes with an encoder; the bundled one where no preset says otherwise."""
    return next((preset.reranker for preset in PRESETS.values() if preset.encoder == encoder), "bundled")


def preset(name: str) -> Preset:
    """The preset called ``name``; InputError lists them otherwise."""
    if name not in PRESETS:
        raise InputError(f"model preset {name!r} is not one of {', '.join(PRESETS)}")
    return PRESETS[name]
