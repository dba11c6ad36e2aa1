"""The loop under the reranker: images opened ahead, in batches, each encoded once, until time is up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from rerank.ahead import Ahead, Job, Picture, Pixels, Prepared
from rerank.cache import TokenCache
from rerank.deadline import Deadline, Pace
from rerank.errors import ImageError, InputError
from rerank.images import load_image
from rerank.ofa.entailment import EntailmentModel
from rerank.turns import Late, Turns, Work, results
from rerank.types import ImageSource

Progress = Callable[[int, int], None]
# One image and one prompt, as they go into a batch.
Prompted = tuple[Picture, list[int]]


@dataclass
class Scores:
    """Probabilities (n, 3); ``judged`` (n,) says which rows hold one, ``errors`` what is wrong with others."""

    probabilities: NDArray[np.float32]
    judged: NDArray[np.bool_]
    errors: dict[int, Exception] = field(default_factory=dict)

    @classmethod
    def none(cls, count: int) -> Scores:
        """Nothing judged yet."""
        return cls(np.zeros((count, 3), dtype=np.float32), np.zeros(count, dtype=np.bool_))

    @property
    def done(self) -> int:
        """How many were judged or failed."""
        return int(self.judged.sum()) + len(self.errors)

    def enter(self, index: int, result: NDArray[np.float32] | Exception) -> None:
        """Note what became of a job; one that came too late counts as not judged, and as no error."""
        if isinstance(result, Late):
            return
        if isinstance(result, Exception):
            self.errors[index] = result
        else:
            self.probabilities[index] = result
            self.judged[index] = True


# Called after each batch with the scores so far and the indices of what the batch held.
Watch = Callable[[Scores, Sequence[int]], None]


class Scorer:
    """A model with its image cache and decoding threads. Thread-safe: batches of several callers take turns."""

    def __init__(self, model: EntailmentModel, batch_size: int, cache_bytes: int, decoders: int) -> None:
        self.model = model
        self.batch_size = batch_size
        self.cache = TokenCache(cache_bytes)
        self._pace = Pace()
        self._lock = threading.Lock()
        self._decoders = ThreadPoolExecutor(max_workers=decoders, thread_name_prefix="rerank-decode")

    def scoring(
        self, jobs: Sequence[Job], deadline: Deadline, watch: Watch | None = None, most: int | None = None
    ) -> Turns[Scores]:
        """Judge ``jobs`` until ``deadline``, ``most`` at once; in their order if there is one, else by prompt."""
        scores, most = Scores.none(len(jobs)), most or self.batch_size
        order = range(len(jobs))
        # Prompts of one length share a batch: no padding, and one position bias for all of it.
        ordered = order if deadline.limited else sorted(order, key=lambda index: len(jobs[index].prompt))
        ahead = self._ahead(jobs, ordered)
        try:
            while ahead.open and (size := self._pace.fit(deadline, most)):
                batch = yield from ahead.next(size, deadline)
                if not batch:
                    break
                good: list[tuple[int, Prompted]] = []
                for index, picture in batch.items():
                    if isinstance(error := picture.prepared, ImageError):
                        scores.errors[index] = error
                    else:
                        good.append((index, (picture, jobs[index].prompt)))
                if good:
                    judged = yield Work("pairs", self.judge, [item for _, item in good], most, deadline)
                    for (index, _), result in zip(good, judged, strict=True):
                        scores.enter(index, result)
                if watch is not None:
                    watch(scores, list(batch))
        finally:
            ahead.cancel()
        return scores

    def encoding(self, images: Sequence[ImageSource], most: int) -> Turns[list[NDArray[np.float16] | ImageError]]:
        """Image tokens (cells, d_model) of each image, or what is wrong with it; ``most`` at once."""
        ahead = self._ahead([Job(image, []) for image in images], range(len(images)))
        encoded: list[NDArray[np.float16] | ImageError] = []
        try:
            while ahead.open:
                batch = yield from ahead.next(most, Deadline())
                good = [picture for picture in batch.values() if not isinstance(picture.prepared, ImageError)]
                rows = iter(results((yield Work("images", self.tokens, good, most))) if good else ())
                for picture in batch.values():
                    encoded.append(error if isinstance(error := picture.prepared, ImageError) else next(rows))
        finally:
            ahead.cancel()
        return encoded

    def judge(self, items: Sequence[Prompted]) -> NDArray[np.float32]:
        """Probabilities (n, 3) of prepared images and prompts, in one forward pass."""
        with self._lock:
            start = time.monotonic()  # after the wait for other callers, which is not the model's pace
            tokens = self._tokens([picture for picture, _ in items])
            probabilities = self.model.probabilities(tokens, [prompt for _, prompt in items])
            self._pace.record(len(items), time.monotonic() - start)
        return probabilities

    def tokens(self, pictures: Sequence[Picture]) -> NDArray[np.float16]:
        """Image tokens (n, cells, d_model) of prepared images."""
        with self._lock:
            tokens: NDArray[np.float16] = self._tokens(pictures).half().cpu().numpy()
        return tokens

    def prepare(self, source: ImageSource, key: Hashable | None) -> Prepared:
        """Cached image tokens, else pixels, else what is wrong with the image."""
        cached = self.cache.get(key)
        if cached is not None:
            return cached
        try:
            return self.model.pixels(load_image(source))
        except ImageError as error:
            return error
        except InputError as error:  # nothing that holds an image: it fails alone all the same
            return ImageError(str(error))

    def close(self) -> None:
        """Free the decoding threads and the cache."""
        self._decoders.shutdown(wait=False, cancel_futures=True)
        self.cache.clear()

    def _tokens(self, pictures: Sequence[Picture]) -> torch.Tensor:
        """Image tokens (batch, cells, d_model), encoding what is new: the same image once, whoever asks for it."""
        rows: dict[Hashable, torch.Tensor] = {}
        fresh: dict[Hashable, Pixels] = {}
        for picture in pictures:
            same, prepared = picture.key or id(picture), picture.prepared
            known = prepared if isinstance(prepared, torch.Tensor) else self.cache.get(picture.key)
            if known is not None:
                rows[same] = known
            elif not isinstance(prepared, ImageError | torch.Tensor):
                fresh[same] = prepared
        if fresh:
            rows.update(zip(fresh, self.model.image_tokens(list(fresh.values())), strict=True))
        for picture in pictures:
            same = picture.key or id(picture)
            if same in fresh:
                self.cache.put(picture.key, rows[same])
            picture.encoded(rows[same])
        return torch.stack([rows[picture.key or id(picture)] for picture in pictures])

    def _ahead(self, jobs: Sequence[Job], order: Sequence[int]) -> Ahead:
        return Ahead(jobs, order, self._given, self._start)

    def _start(self, job: Job, key: Hashable | None) -> Future[Prepared]:
        if job.tokens is None or not self._given(job):
            return self._decoders.submit(self.prepare, job.image, key)
        ready: Future[Prepared] = Future()
        ready.set_result(self.model.as_tokens(job.tokens.values))
        return ready

    def _given(self, job: Job) -> bool:
        """Whether a job comes with tokens that are this model's."""
        return job.tokens is not None and job.tokens.fingerprint == self.model.image_fingerprint
