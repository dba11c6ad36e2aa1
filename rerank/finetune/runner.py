"""Judge pictures with an exported Veralens model: python {name} PICTURE TEXT [PREMISE].

Needs numpy, Pillow and onnxruntime, and the files beside it; neither torch nor Veralens.
In Python: ``Judge("model.onnx").judge([("photo.jpg", "blue denim jeans")])``.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

LABELS = ("entailment", "neutral", "contradiction")


def words(text: str) -> list[str]:
    """GPT-2's pieces of a text: 's and the like; letters, digits or other signs after at most one space; spaces."""
    found, position = [], 0
    while position < len(text):
        contraction = re.compile("'s|'t|'re|'ve|'m|'ll|'d").match(text, position)
        end = contraction.end() if contraction else _end(text, position)
        found.append(text[position:end])
        position = end
    return found


def _kind(sign: str) -> str:
    if sign.isspace() and not "\x1c" <= sign <= "\x1f":
        return "space"
    return {"L": "letter", "N": "number"}.get(unicodedata.category(sign)[0], "other")


def _end(text: str, position: int) -> int:
    start = position
    if text[position] == " " and position + 1 < len(text) and _kind(text[position + 1]) != "space":
        start = position + 1
    kind, end = _kind(text[start]), start
    while end < len(text) and _kind(text[end]) == kind:
        end += 1
    # Of several spaces before a word the last belongs to it.
    return end - 1 if kind == "space" and end < len(text) and end - start > 1 else end


class Tokenizer:
    """Byte-level BPE over vocab.json and merges.txt."""

    def __init__(self, folder: Path) -> None:
        self.vocabulary: dict[str, int] = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
        merges = [line for line in lines if line and not line.startswith("#version")]
        self.ranks = {tuple(line.split(" ", 1)): rank for rank, line in enumerate(merges)}
        plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [byte for byte in range(256) if byte not in plain]
        self.alphabet = {byte: chr(byte) for byte in plain} | {byte: chr(256 + n) for n, byte in enumerate(others)}

    def encode(self, text: str) -> list[int]:
        """Token ids of a text."""
        return [token for word in words(text) for token in self._word(word)]

    def _word(self, word: str) -> list[int]:
        parts = [self.alphabet[byte] for byte in word.encode("utf-8", "surrogateescape")]
        while len(parts) > 1:
            ranked = [self.ranks.get(pair, len(self.ranks)) for pair in itertools.pairwise(parts)]
            best = min(ranked)
            if best == len(self.ranks):
                break
            pair, merged, place = tuple(parts[ranked.index(best) : ranked.index(best) + 2]), [], 0
            while place < len(parts):
                whole = tuple(parts[place : place + 2]) == pair
                merged.append("".join(parts[place : place + 2]) if whole else parts[place])
                place += 2 if whole else 1
            parts = merged
        return [self.vocabulary.get(part, self.vocabulary.get("<unk>", 3)) for part in parts]


class Judge:
    """An exported model with what lies beside it: NAME.json, vocab.json, merges.txt."""

    def __init__(self, model: str | Path, threads: int = 0) -> None:
        path = Path(model)
        self.task: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        self.tokenizer = Tokenizer(path.parent)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(str(path), options, providers=onnxruntime.get_available_providers())

    def judge(self, pairs: Any) -> Any:
        """Probabilities (n, 3) of (picture, text) or (picture, text, premise): entailment, neutral, contradiction."""
        prompts = [self.prompt(pair[1], pair[2] if len(pair) > 2 else None) for pair in pairs]
        length = max(map(len, prompts))
        pad = self.task["pad"]
        tokens = np.array([prompt + [pad] * (length - len(prompt)) for prompt in prompts], dtype=np.int64)
        pixels = np.stack([self.pixels(pair[0]) for pair in pairs])
        return self.session.run(None, {"pixels": pixels, "tokens": tokens})[0]

    def pixels(self, picture: Any) -> Any:
        """A file or a Pillow image as float32 (3, size, size)."""
        image = picture if isinstance(picture, Image.Image) else Image.open(picture)
        upright = ImageOps.exif_transpose(image)
        if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
            layer = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
        size = self.task["size"]
        square = upright.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
        values = np.asarray(square, dtype=np.float32) / 255.0
        mean, std = (np.array(self.task[key], dtype=np.float32) for key in ("mean", "std"))
        return np.ascontiguousarray(((values - mean) / std).transpose(2, 0, 1), dtype=np.float32)

    def prompt(self, text: str, premise: str | None) -> list[int]:
        """The question about a text, and what is known beside the picture, as token ids."""
        if premise is None:
            asked = self.task["prompt"].format(self.plain(text))
        else:
            asked = self.task["prompt_with_premise"].format(self.plain(premise), self.plain(text))
        return [self.task["bos"], *self.tokenizer.encode(asked)[: self.task["longest"]], self.task["eos"]]

    def plain(self, text: str) -> str:
        """Lower case, no leading punctuation, single spaces."""
        text = text.lower().lstrip(",.!?*#:;~").replace("-", " ").replace("/", " ").replace("<person>", "person")
        text = re.sub(r"\s{2,}", " ", text).rstrip("\n").strip(" ")
        return " ".join(text.split(" ")[: self.task["longest"]])


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(f"usage: python {Path(sys.argv[0]).name} PICTURE TEXT [PREMISE]")
    (MODEL,) = [Path(__file__).with_name(Path(__file__).stem.removeprefix("judge_") + ".onnx")]
    row = Judge(MODEL).judge([tuple(sys.argv[1:])])[0]
    named = dict(zip(LABELS, map(float, row), strict=True))
    sys.stdout.write(json.dumps({"label": LABELS[int(row.argmax())], **named}) + "\n")
