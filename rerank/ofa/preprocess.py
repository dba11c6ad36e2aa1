"""What the model sees of an image and of a text (OFA's preprocessors/ofa/base.py, visual_entailment.py)."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rerank.ofa.config import TaskConfig
from rerank.ofa.tokenizer import Tokenizer


def image_to_pixels(image: Image.Image, task: TaskConfig) -> NDArray[np.float32]:
    """RGB image to float32 (3, size, size): antialiased bicubic to a square, aspect ignored, normalised."""
    size = task.patch_image_size
    resized = image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
    pixels = np.asarray(resized, dtype=np.float32) / 255.0
    mean, std = np.array(task.mean, dtype=np.float32), np.array(task.std, dtype=np.float32)
    normalised = (pixels - mean) / std
    return np.ascontiguousarray(normalised.transpose(2, 0, 1), dtype=np.float32)


def normalise_text(text: str, max_words: int) -> str:
    """The reference's ``pre_caption``: lower case, no leading punctuation, single spaces, at most ``max_words``."""
    text = text.lower().lstrip(",.!?*#:;~").replace("-", " ").replace("/", " ").replace("<person>", "person")
    text = re.sub(r"\s{2,}", " ", text).rstrip("\n").strip(" ")
    return " ".join(text.split(" ")[:max_words])


def text_to_tokens(
    hypothesis: str, premise: str | None, task: TaskConfig, tokenizer: Tokenizer, special: tuple[int, int]
) -> list[int]:
    """``<s> prompt </s>`` as token ids; ``special`` holds the ids of ``<s>`` and ``</s>``.

    With a premise (a caption that goes with the image) the question is whether image and premise
    together imply the hypothesis.
    """
    words = task.max_src_length
    if premise is None:
        prompt = task.prompt.format(normalise_text(hypothesis, words))
    else:
        prompt = task.prompt_with_premise.format(normalise_text(premise, words), normalise_text(hypothesis, words))
    return [special[0], *tokenizer.encode(prompt)[: task.max_src_length], special[1]]
