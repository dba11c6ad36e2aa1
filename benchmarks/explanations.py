"""How often an explanation names the right word, and the right place: `python -m benchmarks.explanations`.

Scenes of the demo's catalogue and of combinations held out from training are drawn. One word of a true caption (a
colour, a material or pattern, or the thing itself) is changed, such that the caption is false; the culprit named first
is right when it is that word. Chance is one of the words that could be named. For regions, the hottest cell is right
when it lies in the box of the thing that the text describes; chance is the share of cells that do.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from indexer.samples.catalogue import sample_catalogue
from indexer.samples.scenes import Item, Scene, caption, draw, item_phrase, random_scene, regions
from indexer.samples.vocabulary import COLOURS, FINISHES, KINDS, NEAR
from rerank import EntailmentReranker
from rerank.explain.phrases import read_phrases

FRAMES = ("{}", "{}", "a photo of {}")


@dataclass(frozen=True)
class Case:
    """A scene, a caption that one word makes false, and that word's place in it."""

    group: str
    what: str
    scene: Scene
    text: str
    start: int
    end: int


def scenes(rng: random.Random, count: int) -> Iterator[tuple[str, Scene]]:
    """Scenes of three kinds in turn, none of which a model was trained on."""
    catalogue = sample_catalogue()
    for number in range(count):
        group = ("one item", "two items", "demo")[number % 3]
        items = 2 if group == "two items" else 1
        yield group, rng.choice(catalogue).scene if group == "demo" else random_scene(rng, items=items, held_out=True)


def changed(group: str, scene: Scene, rng: random.Random) -> Case | None:
    """A caption of the scene with one word changed; None where chance finds none that is plainly false."""
    place = rng.randrange(len(scene.items))
    item = scene.items[place]
    what = rng.choice(("colour", "finish", "kind") if FINISHES[item.finish].spoken else ("colour", "kind"))
    tables: dict[str, list[str]] = {"colour": list(COLOURS), "finish": list(FINISHES), "kind": list(KINDS)}
    other = replace(item, **{what: rng.choice(tables[what])})
    if any(not _false(other, shown, what) for shown in scene.items):
        return None
    phrases = [item_phrase(one) for one in (*scene.items[:place], other, *scene.items[place + 1 :])]
    text = rng.choice(FRAMES).format(" and ".join(phrases))
    word = {"colour": other.colour, "finish": FINISHES[other.finish].spoken, "kind": KINDS[other.kind].name}[what]
    start = text.index(phrases[place]) + phrases[place].rindex(word)
    return Case(group, what, scene, text, start, start + len(word))


def _false(said: Item, shown: Item, what: str) -> bool:
    """Whether nobody would call the one by the words of the other."""
    if what == "finish":
        return bool(FINISHES[said.finish].spoken) and said != shown
    if what == "colour":
        return said.colour != shown.colour
    near = {*NEAR.get(shown.kind, ()), *(kind for kind, others in NEAR.items() if shown.kind in others)}
    names = {shown.kind, *KINDS[shown.kind].hypernyms, *KINDS[shown.kind].synonyms}
    return said.kind not in near | names and shown.kind not in KINDS[said.kind].hypernyms


def words(reranker: EntailmentReranker, count: int, rng: random.Random) -> dict[str, dict[str, float]]:
    """Share of false captions whose culprit is the changed word, in all and by group."""
    tally: dict[str, list[tuple[bool, bool, float, float]]] = defaultdict(list)
    alarms = []
    for group, scene in scenes(rng, 10 * count):
        case = changed(group, scene, rng)
        if case is None:
            continue
        picture = draw(scene, size=288)
        found = reranker.explain(picture, case.text)
        named = [one.start < case.end and case.start < one.end for one in found.culprits]
        pieces = [piece for phrase in read_phrases(case.text) for piece in (phrase.thing, *phrase.attributes)]
        chance = sum(one.start < case.end and case.start < one.end for one in pieces) / len(pieces)
        share = sum(named) / len(named) if named else 0.0
        row = found.verdict.label != "entailment", bool(named) and named[0], chance, share
        for name in ("all", case.group, case.what):
            tally[name].append(row)
        alarms.append(bool(reranker.explain(picture, caption(scene)).culprits))
        if len(tally["all"]) == count:
            break
    figures = {name: _figures(rows) for name, rows in tally.items()}
    figures["true captions"] = {"cases": len(alarms), "with a culprit": float(np.mean(alarms))}
    return figures


def _figures(rows: list[tuple[bool, bool, float, float]]) -> dict[str, float]:
    refused = [row for row in rows if row[0]]
    return {
        "cases": len(rows),
        "named first, of all": float(np.mean([row[1] for row in rows])),
        "not entailed": len(refused),
        "named first, of those": float(np.mean([row[1] for row in refused])),
        "chance": float(np.mean([row[2] for row in rows])),
        "right among the named": float(np.mean([row[3] for row in refused])),
    }


def places(reranker: EntailmentReranker, count: int, rng: random.Random) -> dict[str, dict[str, float]]:
    """Share of described things in whose box the hottest cell lies, in all and by the number of things."""
    tally: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    seconds = 0.0
    for number in range(count):
        scene = random_scene(rng, items=1 + number % 2, held_out=True)
        place = rng.randrange(len(scene.items))
        shown = regions(scene, size=288)[place] > 0.5
        rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
        picture, text = draw(scene, size=288), item_phrase(scene.items[place])
        start = time.process_time()
        found = reranker.explain(picture, text, regions=True)
        seconds += time.process_time() - start
        if found.verdict.label != "entailment" or found.regions is None or not len(rows):
            continue
        inside = np.outer(
            _within(found.regions.rows, rows / shown.shape[0]), _within(found.regions.columns, columns / shown.shape[1])
        )
        row = bool(inside.flat[int(found.regions.values.argmax())]), float(inside.mean())
        for name in ("all", f"{len(scene.items)} in the picture"):
            tally[name].append(row)
    figures = {
        name: {"cases": len(rows), "hottest in the box": float(np.mean([row[0] for row in rows])),
               "chance": float(np.mean([row[1] for row in rows]))}
        for name, rows in tally.items()
    }  # fmt: skip
    figures["all"]["CPU seconds each"] = seconds / count
    return figures


def _within(cells: int, extent: NDArray[np.float64]) -> NDArray[np.bool_]:
    centres = (np.arange(cells) + 0.5) / cells
    return np.asarray((centres >= extent.min()) & (centres <= extent.max()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, default=400, metavar="N", help="captions with a changed word")
    parser.add_argument("--places", type=int, default=200, metavar="N", help="pictures with a heat map")
    parser.add_argument("--reranker", default="bundled", metavar="MODEL")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with EntailmentReranker.from_pretrained(arguments.reranker, precision="fp32") as reranker:
        figures = {
            "words": words(reranker, arguments.words, random.Random(arguments.seed)) if arguments.words else {},
            "places": places(reranker, arguments.places, random.Random(arguments.seed)) if arguments.places else {},
        }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
