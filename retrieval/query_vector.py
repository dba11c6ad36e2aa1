"""What stage one looks for, as one vector: a text, an image, both, less what is not wanted."""

from __future__ import annotations

import numpy as np

from rerank.images import load_image
from rerank.turns import Turns, Work, results
from retrieval.collection import Collection
from retrieval.nearest import unit_query
from retrieval.question import Question
from retrieval.types import Encoder, Vectors

# How much of an unwanted text is taken off. Measured with the bundled encoder on 294 pairs such as "trousers" less
# "red": of the first five .875 are trousers that are not red without, .903 with .35, .909 with .5, .869 with 1; but
# .982, .965, .952 and .885 are trousers at all.
NEGATIVE_WEIGHT = 0.35
# Texts or images of several searches that are encoded at once.
MOST = 8


def query_vector(question: Question, encoder: Encoder, collection: Collection) -> Turns[Vectors]:
    """A vector (dimension,) of length 1: w · image + (1 - w) · text - 0.35 · negative, each of length 1 before.

    w is ``image_weight`` where there is a text and an image, else 1 for the one that there is. A cosine with a
    sum is the sum of the cosines up to a factor that all images share: similarity to what is not wanted is
    taken off the score, and turns nothing else around.

    The encoder's work is done in turns: see ``rerank.turns``.

    Raises:
        ImageNotFound: the image's id is not in the collection.
        ImageError: the image cannot be read.
    """
    texts = [text for text in (question.query.strip(), question.negative) if text]
    encoded: list[Vectors] = []
    if texts:
        encoded = results((yield Work("texts", encoder.encode_texts, texts, MOST)))
    negative = encoded.pop() if question.negative else None
    parts: list[tuple[float, Vectors]] = []
    if encoded:
        parts.append((1.0 if question.image is None else 1.0 - question.image_weight, encoded[0]))
    if question.image is not None:
        vector = yield from _image_vector(question, encoder, collection)
        parts.append((question.image_weight if encoded else 1.0, vector))
    if negative is not None:
        parts.append((-NEGATIVE_WEIGHT, negative))
    if len(parts) == 1:
        return parts[0][1]
    mixed: Vectors = np.stack([np.float32(weight) * vector for weight, vector in parts]).sum(axis=0)
    # What cancels out points nowhere: then the first of them alone.
    return unit_query(mixed, len(mixed)) if float(np.linalg.norm(mixed)) > 1e-4 else parts[0][1]


def _image_vector(question: Question, encoder: Encoder, collection: Collection) -> Turns[Vectors]:
    assert question.image is not None
    if question.image_id is not None:
        return collection.vector(question.image_id)
    image = load_image(question.image, srgb=True)
    vector: Vectors = results((yield Work("images", encoder.encode_images, [image], MOST)))[0]
    return vector
