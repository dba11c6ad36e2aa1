"""Byte-level BPE (GPT-2, BART) over a model directory's vocab.json and merges.txt."""

from __future__ import annotations

import itertools
from functools import lru_cache
from pathlib import Path

import regex

from rerank.errors import ModelInvalid
from rerank.ofa.config import read_json

WORD = regex.compile(r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+""")


def byte_alphabet() -> dict[int, str]:
    """A printable character for each byte: itself where it prints, else one from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}


class Tokenizer:
    """Text to token ids. Special tokens are never read from the text: a user's ``</s>`` is just characters."""

    def __init__(self, vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> None:
        self.vocabulary = vocabulary
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._alphabet = byte_alphabet()
        self._unknown = vocabulary.get("<unk>", 3)
        self._word_ids = lru_cache(maxsize=65536)(self._encode_word)

    @classmethod
    def from_directory(cls, directory: Path) -> Tokenizer:
        """Read ``vocab.json`` and ``merges.txt``; ModelInvalid when they are missing or malformed."""
        vocabulary = read_json(directory / "vocab.json")
        path = directory / "merges.txt"
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ModelInvalid(f"{path}: cannot be read ({error})") from error
        start = 1 if lines and lines[0].startswith("#version") else 0
        merges = [(first, second) for line in lines[start:] if line for first, _, second in [line.partition(" ")]]
        return cls(vocabulary, merges)

    def encode(self, text: str) -> list[int]:
        """Token ids of ``text``, without any special token."""
        return [token for word in WORD.findall(text) for token in self._word_ids(word)]

    def _encode_word(self, word: str) -> tuple[int, ...]:
        # "surrogateescape" keeps text that came from an undecodable file name from failing the whole batch.
        parts = [self._alphabet[byte] for byte in word.encode("utf-8", "surrogateescape")]
        while len(parts) > 1:
            pairs = list(itertools.pairwise(parts))
            best = min(pairs, key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            parts = _merge(parts, best)
        return tuple(self.vocabulary.get(part, self._unknown) for part in parts)


def _merge(parts: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    position = 0
    while position < len(parts):
        if tuple(parts[position : position + 2]) == pair:
            merged.append(parts[position] + parts[position + 1])
            position += 2
        else:
            merged.append(parts[position])
            position += 1
    return merged
