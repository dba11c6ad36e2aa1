"""EntailmentReranker: how probable is it that each image entails a text?"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from rerank.deadline import Deadline
from rerank.errors import ImageError, InputError
from rerank.fusion import CLIP_SCALE
from rerank.hardware import Precision, choose_device, choose_dtype
from rerank.ofa.entailment import EntailmentModel
from rerank.ofa.inference import Steps
from rerank.ordering import Ordering
from rerank.scoring import Job, Progress, Scorer
from rerank.types import Candidate, ImageSource, ImageTokens, Pair, Ranking
from rerank.weights import resolve

T = TypeVar("T")
CACHE_BYTES = 256 * 2**20


class EntailmentReranker:
    """Judges (image, text) pairs and orders candidates with an OFA visual-entailment model.

    Thread-safe: calls from several threads take turns on the model, batch by batch. Use it as a
    context manager, or call ``close``, to free its decoding threads.
    """

    def __init__(
        self,
        model: EntailmentModel,
        name: str,
        *,
        batch_size: int | None = None,
        cache_bytes: int = CACHE_BYTES,
        decoders: int | None = None,
    ) -> None:
        for field, value in (("batch_size", batch_size), ("decoders", decoders)):
            if value is not None and value < 1:
                raise InputError(f"{field} must be at least 1, not {value}")
        self.name = name
        self.batch_size = batch_size or model.batch_size
        self.fusion_weight = model.task.fusion_weight
        self._model = model
        self._scorer = Scorer(model, self.batch_size, cache_bytes, decoders or _decoders(model))

    @classmethod
    def from_pretrained(
        cls,
        name: str = "bundled",
        *,
        precision: Precision = "auto",
        device: str | None = None,
        batch_size: int | None = None,
        cache_bytes: int = CACHE_BYTES,
        decoders: int | None = None,
        compiled: bool = False,
        download: bool = True,
    ) -> EntailmentReranker:
        """Load ``"bundled"``, a ModelScope id, or a directory in ModelScope's layout.

        Args:
            name: what to load; see ``rerank.weights.KNOWN_MODELS``.
            precision: "fp32" agrees with the reference to 1e-4; "bf16" is faster where the hardware has
                it; "auto" picks bf16 there and fp32 elsewhere.
            device: a torch device, or None for the GPU where there is one.
            batch_size: pairs in one forward pass; None chooses by the model's size.
            cache_bytes: how much memory image tokens may take, so that an image seen before is not
                encoded again. 0 turns the cache off.
            decoders: threads that open and resize images ahead of the model.
            compiled: let torch.compile fuse the encoder; worth its minute or more for long runs only.
            download: whether a ModelScope id that is not on this machine may be fetched.

        Raises:
            InputError, ModelUnavailable, ModelInvalid: with the remedy.
        """
        chosen = choose_device(device)
        directory = resolve(str(name), download=download)
        model = EntailmentModel.from_directory(
            directory, chosen, choose_dtype(precision, chosen), Steps(compiled=compiled)
        )
        reranker = cls(model, str(name), batch_size=batch_size, cache_bytes=cache_bytes, decoders=decoders)
        if compiled:
            model.warm_up(reranker.batch_size)
        return reranker

    @property
    def image_fingerprint(self) -> str:
        """Hash of what turns an image into tokens: models of one fingerprint may share ``ImageTokens``."""
        return self._model.image_fingerprint

    @property
    def token_shape(self) -> tuple[int, int]:
        """Shape of one image's tokens, (cells, d_model): 2 · cells · d_model bytes when kept."""
        return self._model.token_shape

    def score(self, pairs: Sequence[Pair], *, progress: Progress | None = None) -> NDArray[np.float32]:
        """Probabilities of (image, hypothesis) or (image, hypothesis, premise) pairs.

        Returns:
            float32 of shape (n, 3): entailment, neutral, contradiction; each row sums to 1.

        Raises:
            ImageError: an image cannot be read; nothing is returned for the others. ``rank`` goes on.
        """
        return self._all_scored(pairs, progress, None)

    def predict(self, pairs: Sequence[Pair], *, progress: Progress | None = None) -> NDArray[np.float32]:
        """Relevance of each pair as cross-encoders give it: the probability of entailment, float32 (n,)."""
        return self.score(pairs, progress=progress)[:, 0]

    def rank(
        self,
        query: str,
        candidates: Sequence[Candidate | ImageSource],
        top_k: int | None = None,
        *,
        fusion_weight: float = 1.0,
        similarity_scale: float = CLIP_SCALE,
        deadline_ms: float | None = None,
        progress: Progress | None = None,
    ) -> Ranking:
        """Candidates by falling probability that their image entails ``query``; ties by similarity, then order.

        Args:
            query: the hypothesis to be judged against each image.
            candidates: ``Candidate``s, or bare images, whose ids are then their positions.
            top_k: how many come back; all by default.
            fusion_weight: 1 orders by entailment; less fuses it with ``Candidate.similarity`` (see
                ``rerank.fusion``). ``self.fusion_weight`` is what the model's card recommends.
            similarity_scale: the ``logit_scale`` of the model that gave the similarities.
            deadline_ms: when to stop judging. What was judged comes first; the rest keeps stage one's
                order, and ``degraded`` of the result says so.
            progress: called with (judged, candidates) after each batch.

        A candidate whose image cannot be read comes last, with its ``error``; the others are ranked.
        """
        order = Ordering(top_k, fusion_weight, similarity_scale)
        return self._rank(query, candidates, order, Deadline(deadline_ms), progress)

    async def ascore(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """``score`` off the event loop; cancelling it stops the model after the batch at hand."""
        return await _off_loop(lambda cancelled: self._all_scored(pairs, None, cancelled))

    async def apredict(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """``predict`` off the event loop."""
        return (await self.ascore(pairs))[:, 0]

    async def arank(
        self,
        query: str,
        candidates: Sequence[Candidate | ImageSource],
        top_k: int | None = None,
        *,
        fusion_weight: float = 1.0,
        similarity_scale: float = CLIP_SCALE,
        deadline_ms: float | None = None,
    ) -> Ranking:
        """``rank`` off the event loop; cancelling it stops the model after the batch at hand."""
        order = Ordering(top_k, fusion_weight, similarity_scale)
        return await _off_loop(
            lambda cancelled: self._rank(query, candidates, order, Deadline(deadline_ms, cancelled), None)
        )

    def encode_images(self, images: Sequence[ImageSource]) -> list[ImageTokens | ImageError]:
        """Tokens to be kept and handed back in ``Candidate.tokens``; for a bad image what is wrong with it."""
        encoded = self._scorer.encode(images)
        return [one if isinstance(one, ImageError) else ImageTokens(one, self.image_fingerprint) for one in encoded]

    def close(self) -> None:
        """Free the decoding threads and the cache."""
        self._scorer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _all_scored(
        self, pairs: Sequence[Pair], progress: Progress | None, cancelled: threading.Event | None
    ) -> NDArray[np.float32]:
        jobs = [Job(pair[0], self._model.tokens(pair[1], pair[2] if len(pair) == 3 else None)) for pair in pairs]
        scores = self._scorer.score(jobs, Deadline(None, cancelled), progress)
        if scores.errors:
            index, error = min(scores.errors.items())
            raise ImageError(error.reason, error.source or f"pair {index}") from error
        return scores.probabilities

    def _rank(
        self,
        query: str,
        candidates: Sequence[Candidate | ImageSource],
        order: Ordering,
        deadline: Deadline,
        progress: Progress | None,
    ) -> Ranking:
        given = [
            one if isinstance(one, Candidate) else Candidate(str(index), one) for index, one in enumerate(candidates)
        ]
        prompts = {caption: self._model.tokens(query, caption) for caption in {one.caption for one in given}}
        jobs = [Job(one.image, prompts[one.caption], one.tokens) for one in given]
        return order.apply(given, self._scorer.score(jobs, deadline, progress))


def _decoders(model: EntailmentModel) -> int:
    # Beside a GPU the CPU only decodes; without one it has the model to run as well.
    cores = os.cpu_count() or 1
    return min(16, cores) if model.device.type == "cuda" else min(4, max(2, cores // 2))


async def _off_loop(job: Callable[[threading.Event], T]) -> T:
    cancelled = threading.Event()
    try:
        return await asyncio.to_thread(job, cancelled)
    except asyncio.CancelledError:
        cancelled.set()
        raise
