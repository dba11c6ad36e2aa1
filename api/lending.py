"""An engine that may be replaced while it is in use."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api.engine import Engine


class Lender:
    """Lends the newest engine; an older one is closed when the last computation that uses it has ended."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._users: Counter[int] = Counter()
        self._lock = threading.Lock()

    @property
    def engine(self) -> Engine | None:
        """The newest."""
        return self._engine

    @contextmanager
    def lend(self) -> Iterator[Engine]:
        """The newest engine, which stays open for as long as it is used."""
        with self._lock:
            engine = self._engine
            assert engine is not None
            self._users[id(engine)] += 1
        try:
            yield engine
        finally:
            with self._lock:
                self._users[id(engine)] -= 1
                over = engine is not self._engine and not self._users[id(engine)]
            if over:
                engine.close()

    def replace(self, engine: Engine | None) -> None:
        """From now on lend ``engine``; None lends no more."""
        with self._lock:
            old, self._engine = self._engine, engine
            over = old is not None and not self._users[id(old)]
        if old is not None and over:
            old.close()
