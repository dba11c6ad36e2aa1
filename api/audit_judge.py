"""The served reranker as an audit asks it: through the queue, behind what people wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, wait
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from api.admission import QueueFull
from api.engine import Engine, Judge
from api.service import NotReady, Service
from api.worker import WorkerClosed
from rerank.audit import AuditCancelled

T = TypeVar("T")
# Pairs in one job: short enough that a search in front of which it slipped hardly notices.
CHUNK = 8
POLL_SECONDS = 0.2


class ServedJudge:
    """``rerank.audit.Judge`` over a service; for a thread that is not the event loop's.

    Raises AuditCancelled from any call once ``stopped`` is true or the service shuts down.
    """

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop, stopped: Callable[[], bool]) -> None:
        self._service = service
        self._loop = loop
        self._stopped = stopped
        self.name, self.image_size, self.fingerprint = self._asked(_facts)

    def score(self, pairs: Sequence[tuple[Image.Image, str, str | None]], /) -> NDArray[np.float32]:
        """Probabilities (n, 3), a few pairs at a time, in the order of their texts' lengths."""
        order = sorted(range(len(pairs)), key=lambda index: len(pairs[index][1]) + len(pairs[index][2] or ""))
        scores = np.zeros((len(pairs), 3), dtype=np.float32)
        for start in range(0, len(order), CHUNK):
            chosen = order[start : start + CHUNK]
            chunk = [pairs[index] for index in chosen]
            scores[chosen] = self._asked(lambda engine, chunk=chunk: _judge(engine).score(chunk))  # type: ignore[misc]
        return scores

    def _asked(self, job: Callable[[Engine], T]) -> T:
        """``job`` on the model worker, waited for until there is room and a model."""
        while not self._stopped():
            waiting = asyncio.run_coroutine_threadsafe(self._service.run(job, lane="batch"), self._loop)
            while not wait([waiting], POLL_SECONDS).done:
                if self._stopped() or not self._loop.is_running():
                    waiting.cancel()
                    raise AuditCancelled
            try:
                return waiting.result()
            except (QueueFull, NotReady) as busy:
                if self._service.state == "draining":
                    break
                time.sleep(min(5 * POLL_SECONDS, busy.retry_after))
            except (WorkerClosed, CancelledError):
                break
        raise AuditCancelled


def _judge(engine: Engine) -> Judge:
    if engine.reranker is None:
        raise NotReady("no reranker is loaded; start the service with --reranker", retry_after=60)
    return engine.reranker


def _facts(engine: Engine) -> tuple[str, int, str]:
    judge = _judge(engine)
    return judge.name, int(getattr(judge, "image_size", 480)), str(getattr(judge, "fingerprint", judge.name))
