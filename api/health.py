"""Whether the service is alive, and whether it is ready: each fault in words that say what to look at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from api.service import NotReady, Service
from api.settings import Settings
from rerank.errors import VeralensError
from retrieval.errors import EncoderChanged

Fault = tuple[str, str]


def ailments(service: Service, settings: Settings) -> list[Fault]:
    """What is wrong with the process itself, so that only a restart helps."""
    worker = service.worker
    if not worker.alive:
        return [("worker", "the thread that runs the models has ended")]
    if worker.running_seconds > settings.stuck_seconds:
        return [("worker", f"the models have been at one job for {worker.running_seconds:.0f} s")]
    return []


def hindrances(service: Service, settings: Settings) -> list[Fault]:
    """What keeps the service from answering well now; it may pass."""
    try:
        engine = service.engine
    except NotReady as reason:
        return [("models", str(reason))]
    faults = []
    try:
        # What was committed since is read, at a tenth of a millisecond when there is nothing.
        with suppress(EncoderChanged):
            engine.refresh(indexes=False)
    except (VeralensError, OSError) as error:
        faults.append(("collection", str(error)))
    return [*faults, *_full_disks(settings)]


def _full_disks(settings: Settings) -> Iterator[Fault]:
    for name, place in (("collection", settings.collection), ("cache_dir", settings.cache_dir)):
        if place is None:
            continue
        free = shutil.disk_usage(_existing(place)).free
        if free < settings.min_free_bytes:
            yield "disk", f"{name}: {free:,} bytes are free, fewer than min_free_bytes ({settings.min_free_bytes:,})"


def _existing(place: Path) -> Path:
    """The place itself, or the folder that it will be made in."""
    place = place.absolute()
    return next(one for one in (place, *place.parents) if one.exists())
