"""Images opened a little ahead of the model, each once, however many prompts go with it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from rerank.cache import image_key
from rerank.deadline import Deadline
from rerank.errors import ImageError
from rerank.turns import Pause, Turns
from rerank.types import ImageSource, ImageTokens

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


@dataclass(eq=False)
class Picture:
    """An image on its way to the model: ``key`` identifies its content, ``ready`` is how far it has come."""

    key: Hashable | None
    ready: Future[Prepared]

    @property
    def prepared(self) -> Prepared:
        """Image tokens, else pixels, else what is wrong with it."""
        return self.ready.result(0)

    def encoded(self, tokens: torch.Tensor) -> None:
        """From now on it is these ``tokens`` (cells, d_model)."""
        self.ready = Future()
        self.ready.set_result(tokens)


class Ahead:
    """The images of ``jobs`` in the order of ``order``; ``start`` begins to prepare that of one job.

    ``given`` says whether a job comes with the model's own tokens.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        order: Sequence[int],
        given: Callable[[Job], bool],
        start: Callable[[Job, Hashable | None], Future[Prepared]],
    ) -> None:
        self._jobs = jobs
        self._start = start
        self._keys = [None if given(job) else image_key(job.image) for job in jobs]
        # An object that is handed in twice is one image for as long as this call holds it.
        self._same: list[Hashable] = [
            key or id(job.tokens if given(job) else job.image) for key, job in zip(self._keys, jobs, strict=True)
        ]
        self._left = Counter(self._same)
        self._pictures: dict[Hashable, Picture] = {}
        self._waiting = deque(order)
        self._ahead: deque[tuple[int, Picture]] = deque()

    @property
    def open(self) -> bool:
        """Whether there are more."""
        return bool(self._waiting or self._ahead)

    def next(self, size: int, deadline: Deadline) -> Turns[dict[int, Picture]]:
        """Up to ``size`` prepared images by the index of their job; none when there are no more or time is up."""
        while self._waiting and len(self._ahead) < size * (LOOK_AHEAD + 1):
            index = self._waiting.popleft()
            self._ahead.append((index, self._picture(index)))
        batch: dict[int, Picture] = {}
        while self._ahead and len(batch) < size:
            index, picture = self._ahead[0]
            if not picture.ready.done():
                yield Pause("pairs", picture.ready, deadline)
                if not picture.ready.done():
                    break
            batch[index] = picture
            self._ahead.popleft()
            self._let_go(index)
        return batch

    def cancel(self) -> None:
        """Open no more of them."""
        for _, picture in self._ahead:
            picture.ready.cancel()

    def _picture(self, index: int) -> Picture:
        same, key = self._same[index], self._keys[index]
        if same not in self._pictures:
            self._pictures[same] = Picture(key, self._start(self._jobs[index], key))
        return self._pictures[same]

    def _let_go(self, index: int) -> None:
        """Keep an image no longer than there are jobs for it."""
        same = self._same[index]
        self._left[same] -= 1
        if self._left[same] == 0:
            self._pictures.pop(same, None)
