"""Train the byte-level BPE vocabulary: `python -m recipes.reranker.vocabulary`.

Writes CACHE/reranker/vocabulary/: `vocab.json` and `merges.txt`. The hypothesis grammar, the pictures' names
and WordNet's concrete nouns are the corpus, weighted so that the words searchers use are single tokens.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from indexer.samples.scenes import random_scene
from indexer.samples.vocabulary import COLOURS, FINISHES, KINDS
from recipes.phrases import distillation_texts
from recipes.pictures import read_index
from recipes.reranker.hypotheses import hypotheses
from recipes.reranker.wording import AFTER, ASIDES, BEFORE
from recipes.sources import DEFAULT_CACHE, unpacked
from rerank.ofa.config import PROMPT, PROMPT_WITH_PREMISE

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
SIZE = 6144


def corpus(cache: Path) -> Iterator[str]:
    """Texts whose words shall be tokens, the more important the more often."""
    words = [PROMPT.format("red"), PROMPT_WITH_PREMISE.format("red", "blue"), " yes", " no", " maybe", *ASIDES]
    words += [f" {word}" for group in (*BEFORE, *AFTER) for word in group]
    words += [f" {kind.name} {' '.join(kind.synonyms)} {' '.join(kind.hypernyms)}" for kind in KINDS.values()]
    words += [f" {colour.name} {' '.join(colour.synonyms)}" for colour in COLOURS.values()]
    words += [f" {finish.name} {' '.join(finish.synonyms)}" for finish in FINISHES.values()]
    yield from (text.lower().replace("-", " ") for text in words * 300)
    rng = random.Random(5)
    for _ in range(8000):
        for made in hypotheses(random_scene(rng, items=rng.choice((1, 2))), rng, 4):
            yield " " + made.text.lower().replace("-", " ")
    for picture in read_index(cache):
        if picture.role == "train" and picture.split == "train" and picture.kind != "drawn":
            yield from (f" {name}" for name in picture.captions * 12)
    for text in distillation_texts(unpacked(cache, "wordnet"), composed_count=20_000, seed=5):
        yield " " + text.lower().replace("-", " ").replace("/", " ")


def train(cache: Path, folder: Path) -> None:
    """Train and write the vocabulary in the layout OFA's tokenizer reads."""
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=SPECIAL,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(cache), trainer)
    state = json.loads(tokenizer.to_str())["model"]
    folder.mkdir(parents=True, exist_ok=True)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in state["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    (folder / "vocab.json").write_text(json.dumps(state["vocab"], ensure_ascii=False), encoding="utf-8")
    print(f"{len(state['vocab'])} tokens, {len(merges)} merges in {folder}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    arguments = parser.parse_args()
    train(arguments.cache, arguments.cache / "reranker" / "vocabulary")


if __name__ == "__main__":
    main()
