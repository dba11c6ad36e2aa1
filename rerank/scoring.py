"""The loop under the reranker: images decoded ahead, in batches, each encoded once, until time is up."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from rerank.cache import TokenCache, image_key
from rerank.deadline import Deadline, Pace
from rerank.errors import ImageError, InputError
from rerank.images import load_image
from rerank.ofa.entailment import EntailmentModel
from rerank.types import ImageSource, ImageTokens

Progress = Callable[[int, int], None]
Pixels = NDArray[np.float32]
Prepared = torch.Tensor | Pixels | ImageError
# Images decoded ahead of the model, in batches, so that it never waits for the disk.
LOOK_AHEAD = 2


@dataclass(frozen=True)
class Job:
    """One image, or what is left of it, and one prompt."""

    image: ImageSource
    prompt: list[int]
    tokens: ImageTokens | None = None


@dataclass
class Scores:
    """Probabilities (n, 3); ``judged`` (n,) says which rows hold one, ``errors`` which images cannot be read."""

    probabilities: NDArray[np.float32]
    judged: NDArray[np.bool_]
    errors: dict[int, ImageError] = field(default_factory=dict)

    @classmethod
    def none(cls, count: int) -> Scores:
        """Nothing judged yet."""
        return cls(np.zeros((count, 3), dtype=np.float32), np.zeros(count, dtype=np.bool_))


class Scorer:
    """A model with its image cache and decoding threads. Thread-safe: batches of several callers take turns."""

    def __init__(self, model: EntailmentModel, batch_size: int, cache_bytes: int, decoders: int) -> None:
        self.model = model
        self.batch_size = batch_size
        self.cache = TokenCache(cache_bytes)
        self._pace = Pace()
        self._lock = threading.Lock()
        self._decoders = ThreadPoolExecutor(max_workers=decoders, thread_name_prefix="rerank-decode")

    def score(self, jobs: Sequence[Job], deadline: Deadline, progress: Progress | None = None) -> Scores:
        """Judge ``jobs`` until ``deadline``; in their order if there is one, else by length of prompt."""
        scores = Scores.none(len(jobs))
        order = range(len(jobs))
        # Prompts of one length share a batch: no padding, and one position bias for all of it.
        ordered = order if deadline.limited else sorted(order, key=lambda index: len(jobs[index].prompt))
        call = _Call(self, jobs, ordered)
        while call.open:
            size = self._pace.fit(deadline, self.batch_size)
            batch = call.next(size, deadline) if size else None
            if batch is None:
                break
            good = {index: image for index, image in batch.items() if not isinstance(image, ImageError)}
            scores.errors.update((index, image) for index, image in batch.items() if isinstance(image, ImageError))
            if good:
                indices = list(good)
                scores.probabilities[indices] = self._judge(call, good)
                scores.judged[indices] = True
            if progress is not None:
                progress(int(scores.judged.sum()) + len(scores.errors), len(jobs))
        call.cancel()
        return scores

    def encode(self, images: Sequence[ImageSource]) -> list[NDArray[np.float16] | ImageError]:
        """Image tokens (cells, d_model) of each image, or what is wrong with it."""
        call = _Call(self, [Job(image, []) for image in images], range(len(images)))
        encoded: list[NDArray[np.float16] | ImageError] = []
        while (batch := call.next(self.batch_size, Deadline())) is not None:
            good = {index: image for index, image in batch.items() if not isinstance(image, ImageError)}
            with self._lock:
                rows = dict(zip(good, call.tokens(good).half().cpu().numpy(), strict=True)) if good else {}
            encoded.extend(image if isinstance(image, ImageError) else rows[index] for index, image in batch.items())
        return encoded

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

    def submit(self, source: ImageSource, key: Hashable | None) -> Future[Prepared]:
        """``prepare`` on a decoding thread."""
        return self._decoders.submit(self.prepare, source, key)

    def _judge(self, call: _Call, images: dict[int, torch.Tensor | Pixels]) -> NDArray[np.float32]:
        with self._lock:
            start = time.monotonic()  # after the wait for other callers, which is not the model's pace
            probabilities = self.model.probabilities(call.tokens(images), [call.jobs[index].prompt for index in images])
            self._pace.record(len(images), time.monotonic() - start)
        return probabilities


class _Call:
    """One call's jobs on their way: decoded a little ahead, images that occur twice encoded once."""

    def __init__(self, scorer: Scorer, jobs: Sequence[Job], order: Sequence[int]) -> None:
        self.jobs = jobs
        self._scorer = scorer
        self._keys = [None if self._given(job) else image_key(job.image) for job in jobs]
        # An object that is handed in twice is one image for as long as this call holds it.
        self._same: list[Hashable] = [
            key or id(job.tokens if self._given(job) else job.image) for key, job in zip(self._keys, jobs, strict=True)
        ]
        self._left = Counter(self._same)
        self._encoded: dict[Hashable, torch.Tensor] = {}
        self._waiting = deque(order)
        self._ahead: deque[tuple[int, Future[Prepared]]] = deque()
        self._decoding: dict[Hashable, Future[Prepared]] = {}

    @property
    def open(self) -> bool:
        return bool(self._waiting or self._ahead)

    def next(self, size: int, deadline: Deadline) -> dict[int, Prepared] | None:
        """Up to ``size`` jobs with their prepared images; None when there are none left or time is up."""
        while self._waiting and len(self._ahead) < size * (LOOK_AHEAD + 1):
            index = self._waiting.popleft()
            self._ahead.append((index, self._start(index)))
        batch: dict[int, Prepared] = {}
        while self._ahead and len(batch) < size:
            index, future = self._ahead[0]
            try:
                batch[index] = future.result(deadline.remaining())
            except FutureTimeout:
                break
            self._ahead.popleft()
        return batch or None

    def tokens(self, images: dict[int, torch.Tensor | Pixels]) -> torch.Tensor:
        """Image tokens (batch, cells, d_model) of prepared images, encoding those that are new."""
        fresh: dict[Hashable, Pixels] = {}
        rows: dict[Hashable, torch.Tensor] = {}
        for index, image in images.items():
            same = self._same[index]
            if isinstance(image, torch.Tensor):
                rows[same] = image
            elif same in self._encoded:
                rows[same] = self._encoded[same]
            else:
                fresh[same] = image
        if fresh:
            model = self._scorer.model
            rows.update(zip(fresh, model.image_tokens(list(fresh.values())), strict=True))
        for index in images:
            same, key = self._same[index], self._keys[index]
            if same in fresh:
                self._scorer.cache.put(key, rows[same])
            self._left[same] -= 1
            if self._left[same] > 0:
                self._encoded[same] = rows[same]
            else:
                self._encoded.pop(same, None)
                self._decoding.pop(same, None)
        return torch.stack([rows[self._same[index]] for index in images])

    def cancel(self) -> None:
        """Decode nothing more."""
        for _, future in self._ahead:
            future.cancel()

    def _start(self, index: int) -> Future[Prepared]:
        job, same = self.jobs[index], self._same[index]
        if job.tokens is not None and self._given(job):
            ready: Future[Prepared] = Future()
            ready.set_result(self._scorer.model.as_tokens(job.tokens.values))
            return ready
        if same not in self._decoding:
            self._decoding[same] = self._scorer.submit(job.image, self._keys[index])
        return self._decoding[same]

    def _given(self, job: Job) -> bool:
        return job.tokens is not None and job.tokens.fingerprint == self._scorer.model.image_fingerprint
