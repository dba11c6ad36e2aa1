"""EntailmentReranker: how probable is it that each image entails a text?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from rerank.cache import TokenCache, image_key
from rerank.errors import ImageError, InputError
from rerank.hardware import Precision, choose_device, choose_dtype
from rerank.images import load_image
from rerank.ofa.entailment import EntailmentModel
from rerank.types import Candidate, Entailment, ImageSource, Pair, RankedCandidate
from rerank.weights import resolve

Progress = Callable[[int, int], None]
Pixels = NDArray[np.float32]
# Images decoded ahead of the model, in batches, so that it never waits for the disk.
LOOK_AHEAD = 2


class EntailmentReranker:
    """Judges (image, text) pairs and orders candidates with an OFA visual-entailment model.

    Thread-safe: calls from several threads take turns on the model. Use it as a context manager, or
    call ``close``, to free its decoding threads.
    """

    def __init__(
        self, model: EntailmentModel, name: str, *, batch_size: int = 16, cache_bytes: int = 256 * 2**20
    ) -> None:
        if batch_size < 1:
            raise InputError(f"batch_size must be at least 1, not {batch_size}")
        self.name = name
        self.batch_size = batch_size
        self.fusion_weight = model.task.fusion_weight
        self._model = model
        self._cache = TokenCache(cache_bytes)
        self._lock = threading.Lock()
        self._decoders = ThreadPoolExecutor(max_workers=2, thread_name_prefix="rerank-decode")

    @classmethod
    def from_pretrained(
        cls,
        name: str = "bundled",
        *,
        precision: Precision = "auto",
        device: str | None = None,
        batch_size: int = 16,
        cache_bytes: int = 256 * 2**20,
        download: bool = True,
    ) -> EntailmentReranker:
        """Load ``"bundled"``, a ModelScope id, or a directory in ModelScope's layout.

        Args:
            name: what to load; see ``rerank.weights.KNOWN_MODELS``.
            precision: "fp32" agrees with the reference to 1e-4; "bf16" is faster where the hardware has
                it; "auto" picks bf16 there and fp32 elsewhere.
            device: a torch device, or None for the GPU where there is one.
            batch_size: pairs in one forward pass.
            cache_bytes: how much memory image tokens may take, so that an image seen before is not
                encoded again. 0 turns the cache off.
            download: whether a ModelScope id that is not on this machine may be fetched.

        Raises:
            InputError, ModelUnavailable, ModelInvalid: with the remedy.
        """
        chosen = choose_device(device)
        directory = resolve(str(name), download=download)
        model = EntailmentModel.from_directory(directory, chosen, choose_dtype(precision, chosen))
        return cls(model, str(name), batch_size=batch_size, cache_bytes=cache_bytes)

    def score(self, pairs: Sequence[Pair], *, progress: Progress | None = None) -> NDArray[np.float32]:
        """Probabilities of (image, hypothesis) or (image, hypothesis, premise) pairs.

        Returns:
            float32 of shape (n, 3): entailment, neutral, contradiction; each row sums to 1.

        Raises:
            ImageError: an image cannot be read; nothing is returned for the others. ``rank`` goes on.
        """
        scores, errors = self._score(pairs, progress)
        if errors:
            index, error = min(errors.items())
            raise ImageError(error.reason, error.source or f"pair {index}") from error
        return scores

    def rank(
        self,
        query: str,
        candidates: Sequence[Candidate],
        top_k: int | None = None,
        *,
        progress: Progress | None = None,
    ) -> list[RankedCandidate]:
        """Candidates by falling probability that their image entails ``query``; ties by similarity, then order.

        A candidate whose image cannot be read comes last, with its ``error``; the others are ranked.
        """
        if top_k is not None and top_k < 1:
            raise InputError(f"top_k must be at least 1, not {top_k}")
        pairs: list[Pair] = [(candidate.image, query, candidate.caption) for candidate in candidates]
        scores, errors = self._score(pairs, progress)
        ranked = []
        for index, (candidate, row) in enumerate(zip(candidates, scores.tolist(), strict=True)):
            error = errors.get(index)
            verdict = Entailment(*row) if error is None else None
            reason = None if error is None else str(error)
            ranked.append(RankedCandidate(candidate.id, index, verdict, candidate.similarity, reason))
        ranked.sort(key=_order)
        return ranked[:top_k]

    def close(self) -> None:
        """Free the decoding threads and the cache."""
        self._decoders.shutdown(wait=False, cancel_futures=True)
        self._cache.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _score(
        self, pairs: Sequence[Pair], progress: Progress | None
    ) -> tuple[NDArray[np.float32], dict[int, ImageError]]:
        prompts = [self._model.tokens(pair[1], pair[2] if len(pair) == 3 else None) for pair in pairs]
        # Texts of one length share a batch: no padding, and one position bias for all of it.
        order = sorted(range(len(pairs)), key=lambda index: len(prompts[index]))
        scores = np.zeros((len(pairs), 3), dtype=np.float32)
        errors: dict[int, ImageError] = {}
        done = 0
        for batch, images in self._decoded(pairs, order):
            good = []
            for index, image in zip(batch, images, strict=True):
                if isinstance(image, ImageError):
                    errors[index] = image
                else:
                    good.append((index, image))
            if good:
                indices = [index for index, _ in good]
                with self._lock:
                    tokens = self._image_tokens([pairs[index][0] for index in indices], [image for _, image in good])
                    scores[indices] = self._model.probabilities(tokens, [prompts[index] for index in indices])
            done += len(batch)
            if progress is not None:
                progress(done, len(pairs))
        return scores, errors

    def _decoded(
        self, pairs: Sequence[Pair], order: Sequence[int]
    ) -> Iterator[tuple[Sequence[int], list[torch.Tensor | Pixels | ImageError]]]:
        """Batches of indices with their images, decoded a little ahead on threads."""
        batches = [order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size)]
        ahead: list[list[Future[torch.Tensor | Pixels | ImageError]]] = []
        for position, batch in enumerate(batches):
            while len(ahead) < LOOK_AHEAD and position + len(ahead) < len(batches):
                upcoming = batches[position + len(ahead)]
                ahead.append([self._decoders.submit(self._prepare, pairs[index][0]) for index in upcoming])
            yield batch, [future.result() for future in ahead.pop(0)]

    def _prepare(self, source: ImageSource) -> torch.Tensor | Pixels | ImageError:
        """Cached image tokens, else pixels, else what is wrong with the image."""
        cached = self._cache.get(image_key(source))
        if cached is not None:
            return cached
        try:
            return self._model.pixels(load_image(source))
        except ImageError as error:
            return error

    def _image_tokens(
        self, sources: Sequence[ImageSource], images: Sequence[torch.Tensor | Pixels | ImageError]
    ) -> torch.Tensor:
        fresh = [position for position, image in enumerate(images) if isinstance(image, np.ndarray)]
        rows: dict[int, torch.Tensor] = {n: image for n, image in enumerate(images) if isinstance(image, torch.Tensor)}
        if fresh:
            encoded = self._model.image_tokens([image for image in images if isinstance(image, np.ndarray)])
            for position, tokens in zip(fresh, encoded, strict=True):
                rows[position] = tokens
                self._cache.put(image_key(sources[position]), tokens)
        return torch.stack([rows[position] for position in range(len(images))])


def _order(candidate: RankedCandidate) -> tuple[bool, float, float, int]:
    if candidate.verdict is None:
        return True, 0.0, -(candidate.similarity or 0.0), candidate.index
    return False, -candidate.verdict.entailment, -(candidate.similarity or 0.0), candidate.index
