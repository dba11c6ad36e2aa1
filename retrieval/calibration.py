"""How much of an index to look at, found with queries like those that people type.

A text lies apart from all images (the modality gap), and its nearest images are spread over many more
lists than those of an image: an index that is calibrated with images loses a tenth of what texts should
find. So the queries are texts, encoded by the collection's own encoder: captions, and phrases, which need as many
lists as captions do that the calibration has not seen (199 and 187 of 1,024, with the bundled encoder and 41,886
pictures). Where no encoder is to be had, they are made to lie as texts do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rerank.errors import ModelError
from retrieval.bitmaps import Keys
from retrieval.index import SCANNED_LISTS, IndexRule
from retrieval.phrases import phrases_for
from retrieval.stores.faiss import FaissIndex
from retrieval.types import Encoder, EncoderRecord, Vectors

# Two thirds to calibrate with, one third to measure the result with.
QUERIES = 384
CALIBRATING = 256
# What is found for other queries than those it was calibrated with may be a little less.
MARGIN = 0.004
FINEST_STEP = 1.1

# Gives that many embedded texts for a collection with these captions; None where its encoder is not to be had.
Texts = Callable[[int, list[str]], Vectors | None]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Probes:
    """Queries (n, dimension) with what they are, and the keys (n, k) of the images truly nearest to each."""

    queries: Vectors
    kind: str
    truth: Keys


def text_queries(encoder: Encoder) -> Texts:
    """Queries of ``encoder``: the collection's captions first, then phrases of the language at large."""
    return lambda count, captions: encoder.encode_texts(phrases_for(count, captions))


def remembered_queries(record: EncoderRecord) -> Texts:
    """As ``text_queries`` by the encoder that a collection remembers, loaded only when an index is to be calibrated."""

    def encoded(count: int, captions: list[str]) -> Vectors | None:
        from retrieval.encoder import load_encoder

        try:
            encoder = load_encoder(record.name)
        except ModelError as error:
            log.warning("the index is calibrated without its encoder: %s", error)
            return None
        return text_queries(encoder)(count, captions) if encoder.fingerprint == record.fingerprint else None

    return encoded


def texts_like(images: Vectors, count: int, seed: int = 0) -> Vectors:
    """Made-up text queries (count, dimension) for images (n, dimension), for want of an encoder.

    Half of their length is an offset common to all texts and at right angles to the images' common part (Liang et
    al., "Mind the Gap", 2022); a tenth is meaning shared with some images, the blend of two less what all share. The
    rest strays as images stray from each other, not in any direction at all: so these are as hard as the texts of the
    bundled encoder, which need 199 of 1,024 lists for 41,886 pictures, these 182. Noise in all directions alike, and
    more meaning, gave queries that need 90.
    """
    random = np.random.default_rng(seed)
    common = _unit(images.mean(axis=0))
    offset = random.standard_normal(images.shape[1])
    offset = _unit(offset - (offset @ common) * common)
    first, second = (images[random.integers(len(images), size=count)] for _ in range(2))
    blend = first + random.uniform(0.0, 0.7, size=(count, 1)) * second
    meaning = _unit(blend - (blend @ common)[:, np.newaxis] * common)
    astray = _unit(random.standard_normal((count, len(images))) @ (images - images.mean(axis=0)))
    queries: Vectors = _unit(np.sqrt(0.5) * offset + np.sqrt(0.1) * meaning + np.sqrt(0.4) * astray).astype(np.float32)
    return queries


def calibrated(index: FaissIndex, probes: Probes, rule: IndexRule) -> tuple[FaissIndex, Mapping[str, Any]]:
    """``index`` with as few lists to look into as find what ``rule`` asks for, and what it was measured to find."""
    if not index.exact:
        index = _tuned(index, Probes(probes.queries[:CALIBRATING], probes.kind, probes.truth[:CALIBRATING]), rule)
    rest = Probes(probes.queries[CALIBRATING:], probes.kind, probes.truth[CALIBRATING:])
    measured = rest if len(rest.queries) else probes
    found = {
        "recall": round(recall(index, measured, rule.candidates), 4),
        "candidates": rule.candidates,
        "queries": f"{len(measured.queries)} {probes.kind}",
    }
    return index, found


def _tuned(index: FaissIndex, probes: Probes, rule: IndexRule) -> FaissIndex:
    """``index`` with the fewest lists, then the fewest entries compared by 8-bit codes, that find what is wanted."""
    wanted = min(1.0, rule.recall + MARGIN)

    def enough(share: float, **changed: Any) -> bool:
        return recall(index.with_parameters(**changed), probes, rule.candidates) >= share

    # The lists must hold a little more than is wanted: the short codes miss some of it.
    scanned = index.kind == SCANNED_LISTS
    within = min(1.0, wanted + MARGIN) if scanned else wanted
    index = index.with_parameters(nprobe=_fewest(index.lists, lambda count: enough(within, nprobe=count)))
    if scanned:
        most = int(index.parameters["survivors"])
        index = index.with_parameters(survivors=_fewest(most, lambda count: enough(wanted, survivors=count)))
    return index


def recall(index: FaissIndex, probes: Probes, k: int, effort: float = 1.0) -> float:
    """The mean share of the ``k`` truly nearest that a search with comparison in full gives back."""
    shares = []
    for query, right in zip(probes.queries, probes.truth, strict=True):
        best = right[:k]
        keys, _ = index.search(query, int(np.ceil(index.overfetch * k)), effort=effort)
        shares.append(np.isin(best, keys).mean() if len(best) else 1.0)
    return float(np.mean(shares)) if shares else 1.0


def _fewest(most: int, enough: Callable[[int], bool]) -> int:
    """The least number that is enough, to within a tenth: doubled until it is, then narrowed down."""
    high = min(most, 8)
    while high < most and not enough(high):
        high = min(most, 2 * high)
    low = max(1, high // 2)
    while high / low > FINEST_STEP and high - low > 1:
        middle = round(np.sqrt(low * high))
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _unit(vectors: Any) -> Any:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
