"""Hypotheses about emoji, clip-art and recoloured drawings, from their names and WordNet's hypernyms."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from recipes.reranker.drawn import Record
from recipes.reranker.hypotheses import LABEL_SHARES, VERDICTS, Hypothesis
from recipes.reranker.truth import Verdict
from recipes.reranker.wording import FRAMES, framed, modified, modifier, with_article
from recipes.wordnet import CONCRETE, Synset, read_nouns

# How a picture of each kind may be spoken of.
KIND_FRAMES = {
    "emoji": ("an emoji of {}", "an icon of {}", "{} emoji", *FRAMES),
    "clipart": ("clip art of {}", "a cartoon of {}", "an icon of {}", *FRAMES),
    "icon": ("an icon of {}", "{} icon", *FRAMES),
    "recoloured": ("a cartoon of {}", "clip art of {}", *FRAMES),
}
# WordNet's upper floors, where words say nothing about a picture, and words for something else there.
TOO_WIDE = {"entity", "physical entity", "object", "whole", "matter", "thing", "unit", "causal agent", "organism",
            "living thing", "artifact", "substance", "instrumentality", "natural object", "attribute", "part",
            "abstraction", "solid", "foodstuff", "nutriment", "chordate", "placental", "being", "cognition",
            "psychological feature", "mechanism", "covering", "craft", "creation", "surface", "structure", "extremity",
            "external body part", "restraint", "cutter", "equipment", "device", "implement", "material", "conveyance",
            "measuring instrument", "vertical surface", "vascular plant", "fastener", "electrical device"}  # fmt: skip
LEAST = 6


class Hypernyms:
    """What each known noun is a kind of, as far as the words are common among the pictures."""

    def __init__(self, wordnet: Path, concepts: Sequence[str]) -> None:
        nouns = read_nouns(wordnet)
        first: dict[str, Synset] = {}
        for synset in nouns.values():
            for word in synset.words:
                if synset.category in CONCRETE:
                    first.setdefault(word, synset)
        chains = {concept: self._chain(concept, first, nouns) for concept in set(concepts)}
        counts = Counter(word for chain in chains.values() for word in chain)
        self._chains = {concept: [word for word in chain if counts[word] >= LEAST] for concept, chain in chains.items()}
        self.all = sorted({word for chain in self._chains.values() for word in chain})

    @staticmethod
    def _chain(concept: str, first: dict[str, Synset], nouns: dict[int, Synset]) -> list[str]:
        words = concept.split()
        synset = first.get(concept) or (first.get(words[-1]) if len(words) <= 2 and words else None)
        found: list[str] = []
        while synset is not None and synset.hypernyms and len(found) < 8:
            synset = nouns.get(synset.hypernyms[0])
            if synset is not None and synset.words[0].islower() and synset.words[0] not in TOO_WIDE:
                found.append(synset.words[0])
        return found

    def of(self, concept: str) -> list[str]:
        """The concept's hypernyms, nearest first; empty where it is no noun WordNet knows."""
        return self._chains.get(concept, [])


class ConceptWorld:
    """The named pictures of a split: what may be said of one, and what of the others is false of it."""

    def __init__(self, records: Sequence[Record], hypernyms: Hypernyms) -> None:
        self.hypernyms = hypernyms
        self._by_kind: dict[str, list[Record]] = {}
        for record in records:
            self._by_kind.setdefault(record["kind"], []).append(record)
        self._colours = sorted({record["colour"] for record in records if record["colour"]})

    def hypotheses(self, record: Record, rng: random.Random, count: int) -> list[Hypothesis]:
        """``count`` hypotheses about one picture."""
        found: list[Hypothesis] = []
        while len(found) < count:
            wanted = rng.choices(VERDICTS, LABEL_SHARES)[0]
            refuted = wanted == "contradiction"
            noun = self._false(record, rng) if refuted else self._true(record, rng)
            if noun is None:
                continue
            if wanted == "neutral" or (refuted and rng.random() < 0.3):
                word, before, _ = modifier(rng)
                noun = modified(noun, word, before=before)
            found.append(self._spoken(record, noun, wanted, rng))
        return found

    def contrasts(
        self, pair: tuple[Record, Record], rng: random.Random, count: int
    ) -> tuple[list[Hypothesis], list[Hypothesis]]:
        """``count`` texts on both pictures, half of them true of the first only; none where the two are akin."""
        found: tuple[list[Hypothesis], list[Hypothesis]] = ([], [])
        akin = self._words(pair[0]) & self._words(pair[1])
        for side in (0, 1) if not akin else ():
            for _ in range(count // 2):
                text = self._spoken(pair[side], self._true(pair[side], rng), "entailment", rng).text
                found[side].append(Hypothesis(text, "entailment"))
                found[1 - side].append(Hypothesis(text, "contradiction"))
        return found

    def _words(self, record: Record) -> set[str]:
        names = [*record["captions"], record["concept"], record["colour"], *self.hypernyms.of(record["concept"])]
        return set(" ".join(names).split())

    def _spoken(self, record: Record, noun: str, label: Verdict, rng: random.Random) -> Hypothesis:
        text = with_article(noun) if rng.random() < 0.4 else noun
        text = framed(text, rng, frames=KIND_FRAMES[record["kind"]])
        premise = rng.choice(record["captions"]) if rng.random() < 0.05 else None
        return Hypothesis(text, label, premise)

    def _true(self, record: Record, rng: random.Random) -> str:
        wider = self.hypernyms.of(record["concept"])
        colour = record["colour"]
        if wider and rng.random() < 0.2:
            noun = rng.choice(wider)
            return f"{colour} {noun}" if colour and rng.random() < 0.4 else noun
        if colour and rng.random() < 0.2:
            return str(rng.choice((record["concept"], f"{colour} thing")))
        names: list[str] = record["captions"]
        return names[0] if rng.random() < 0.6 else rng.choice(names)

    def _false(self, record: Record, rng: random.Random) -> str | None:
        colour, own = record["colour"], set(" ".join(record["captions"]).split())
        if colour and rng.random() < 0.5:
            other_colour = rng.choice([name for name in self._colours if name != colour])
            return f"{other_colour} {record['concept'] if rng.random() < 0.85 else 'thing'}"
        wider = self.hypernyms.of(record["concept"])
        if wider and rng.random() < 0.2:
            noun = rng.choice(self.hypernyms.all)
            return None if noun in wider or noun in own or self._above(noun, wider) else noun
        other = rng.choice(self._by_kind[record["kind"]])
        related = own & set(" ".join(other["captions"]).split()) or other["concept"] in wider
        if related or record["concept"] in self.hypernyms.of(other["concept"]):
            return None
        if colour:
            return f"{colour if rng.random() < 0.7 else other['colour']} {other['concept']}"
        return str(other["captions"][0] if rng.random() < 0.6 else rng.choice(other["captions"]))

    def _above(self, noun: str, wider: list[str]) -> bool:
        """Whether the noun is itself something that the picture's thing might be."""
        return bool(wider) and wider[0] in self.hypernyms.of(noun)
