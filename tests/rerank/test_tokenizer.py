"""Our byte-level BPE against the `tokenizers` library on the same vocabulary."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import ByteLevelBPETokenizer

from rerank.ofa.preprocess import normalise_text
from rerank.ofa.tokenizer import Tokenizer

TEXTS = [
    ' does the image describe " blue denim jeans "?',
    "it's the dog's 3 toys, isn't it?",
    "  several   spaces\tand\nlines  ",
    "naïve café ☕ 咖啡 Ünïcödé",
    "",
    "a" * 300,
    "100% cotton; $29.99 (was $49)",
]


@pytest.mark.parametrize("text", TEXTS)
def test_same_tokens_as_the_library(text: str, reference_dir: Path) -> None:
    ours = Tokenizer.from_directory(reference_dir)
    theirs = ByteLevelBPETokenizer(str(reference_dir / "vocab.json"), str(reference_dir / "merges.txt"))
    assert ours.encode(text) == theirs.encode(text).ids


def test_special_tokens_in_the_text_are_only_text(reference_dir: Path) -> None:
    tokens = Tokenizer.from_directory(reference_dir).encode("</s><pad>")
    assert not {0, 1, 2} & set(tokens)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("...a TWO-tone / striped   shirt <person>", "a two tone striped shirt person"),
        ("Jeans\n", "jeans"),
        ("one two three four", "one two three"),
        ("", ""),
    ],
)
def test_text_is_normalised_as_the_reference_does(text: str, normal: str) -> None:
    assert normalise_text(text, 6 if "tone" in normal else 3) == normal
