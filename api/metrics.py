"""What the service counts and measures, as Prometheus reads it at ``/metrics``.

Labels are few and fixed: a route's template, a status, a lane, a kind, a reason. Never a path, an id or a query, which
would tell strangers what people look for, and let them fill the memory.
"""

from __future__ import annotations

from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

MEDIA_TYPE = CONTENT_TYPE_LATEST
# The route of what no route matched, or was refused at the door.
UNMATCHED = "(none)"
# Why a request was turned away, by the status that it got.
REFUSALS = {
    401: "key",
    403: "origin",
    408: "slow",
    413: "body",
    421: "host",
    429: "queue",
    503: "unavailable",
}
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Queue(Protocol):
    """Says how many wait in it."""

    @property
    def waiting(self) -> int: ...


class Metrics:
    """The service's counters and clocks, over a registry of its own, so that two applications never share one.

    Attributes:
        requests: answers, by route (template) and code.
        request_seconds: from the request's head to the last byte of its answer, by route.
        queue_depth: jobs that wait for the models now, by lane.
        queue_wait_seconds: how long a job waited, by lane.
        batch_size: pairs, images or texts that went through a model at once, by kind.
        inference_seconds: how long that took, by kind.
        rejected: requests that were turned away, by reason.
        decode_failures: pictures that could not be read, by reason.
        index_generation: of the collection that is served.
        images: in the collection that is served.
    """

    def __init__(self) -> None:
        # The time each counter was made at is of no use here, and doubles the page.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = own = CollectorRegistry()
        self.requests = Counter(
            "veralens_requests", "Answers by route (template) and status.", ("route", "code"), registry=own
        )
        self.request_seconds = Histogram(
            "veralens_request_seconds", "Seconds until the answer was sent.", ("route",), buckets=SECONDS, registry=own
        )
        self.queue_depth = Gauge("veralens_queue_depth", "Jobs that wait for the models.", ("lane",), registry=own)
        self.queue_wait_seconds = Histogram(
            "veralens_queue_wait_seconds", "Seconds that a job waited.", ("lane",), buckets=SECONDS, registry=own
        )
        self.batch_size = Histogram(
            "veralens_batch_size", "Items that a model took at once.", ("kind",), buckets=SIZES, registry=own
        )
        self.inference_seconds = Histogram(
            "veralens_inference_seconds", "Seconds that a model took.", ("kind",), buckets=SECONDS, registry=own
        )
        self.rejected = Counter("veralens_rejected", "Requests turned away.", ("reason",), registry=own)
        self.decode_failures = Counter(
            "veralens_decode_failures", "Pictures that could not be read.", ("reason",), registry=own
        )
        self.index_generation = Gauge(
            "veralens_index_generation", "Generation of the index that is served.", registry=own
        )
        self.images = Gauge("veralens_images", "Images of the collection that is served.", registry=own)

    def show_queue(self, lane: str, queue: Queue) -> None:
        """``queue_depth`` of ``lane`` is what ``queue`` says when somebody looks."""
        self.queue_depth.labels(lane=lane).set_function(lambda: queue.waiting)

    def page(self) -> bytes:
        """Everything, in Prometheus's text format."""
        return generate_latest(self.registry)
