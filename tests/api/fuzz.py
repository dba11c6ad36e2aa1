"""Thousands of requests made up from the OpenAPI document: ``python -m tests.api.fuzz --cases 3000``.

Each answer must have a documented status, never a 5xx other than a 503 with ``Retry-After``, and the documented shape.
The same requests without a key, or with a wrong one, must be refused. Prints one JSON document; exits 1 on a failure.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from indexer import build_collection
from indexer.samples.catalogue import sample_catalogue
from indexer.samples.scenes import draw
from tests.api.conftest import wait_ready
from tests.api.test_process import serving

KEY, WRONG_KEY = "fuzz-key", "fuzz-kez"
OPEN_PATHS = ("/livez", "/readyz", "/metrics")
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
# Of every so many requests one is sent again without a key and with a wrong one.
UNKEYED_EVERY = 4
TIMEOUT = 300


@dataclass
class Report:
    """What was sent and what was wrong, the first case of each kind in full."""

    cases: int = 0
    unkeyed: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    operations: Counter[str] = field(default_factory=Counter)

    def fail(self, kind: str, detail: str) -> None:
        """Note a failure."""
        self.failures.setdefault(kind, detail)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "cases": self.cases,
            "unkeyed": self.unkeyed,
            "statuses": dict(sorted(self.statuses.items())),
            "operations": dict(sorted(self.operations.items())),
            "failures": self.failures,
        }


class Fuzzer:
    """Sends made-up requests to the service at ``url`` and judges the answers."""

    def __init__(self, url: str, ids: Sequence[str], seed: int) -> None:
        self.report = Report()
        self._url = url
        self._ids = ids
        self._seed = seed
        self._session = requests.Session()
        headers = {"X-API-Key": KEY}
        document = self._session.get(f"{url}/openapi.json", headers=headers, timeout=TIMEOUT).json()
        load_all_checks()
        self._schema = schemathesis.openapi.from_dict(document)

    def run(self, cases: int, only: str = "") -> Report:
        """Send about ``cases`` requests, as many to each operation."""
        operations = [one for found in self._schema.get_all_operations() if only in (one := found.ok()).label]
        operations.sort(key=lambda one: one.method.upper() == "DELETE")  # the others need something to look at
        # Half of what is made up breaks the schema on purpose.
        share = max(2, -(-cases // (2 * len(operations))))
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                try:
                    strategy = operation.as_strategy(generation_mode=mode)
                    self._drive(operation.label, strategy, share)
                except (schemathesis.errors.SchemathesisError, Unsatisfiable):
                    print(f"{operation.label}: nothing {mode.value} can be made up", file=sys.stderr)
            print(f"{operation.label}: {self.report.operations[operation.label]}", file=sys.stderr, flush=True)
        return self.report

    def _drive(self, label: str, strategy: st.SearchStrategy[Any], count: int) -> None:
        @seed(self._seed)
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy, known=st.sampled_from([None, *self._ids]))
        def send(case: Any, known: str | None) -> None:
            if known is not None and "image_id" in (case.path_parameters or {}):
                case.path_parameters["image_id"] = known
            self._send(label, case)

        send()

    def _send(self, label: str, case: Any) -> None:
        self.report.cases += 1
        self.report.operations[label] += 1
        try:
            response = case.call(self._url, self._session, {"X-API-Key": KEY}, timeout=TIMEOUT)
        except (requests.RequestException, OSError) as error:
            self.report.fail(f"{label}: no answer", f"{error}\n{case.as_curl_command()[:2000]}")
            return
        status = response.status_code
        self.report.statuses[str(status)] += 1
        self._judge(label, case, response, status)
        if self.report.cases % UNKEYED_EVERY == 0 and not case.path.startswith(OPEN_PATHS):
            self._without_key(label, case)

    def _judge(self, label: str, case: Any, response: Any, status: int) -> None:
        told = f"{status} {response.content[:600].decode('utf-8', 'replace')}\n{case.as_curl_command()[:3000]}"
        if status >= 500 and not (status == 503 and "retry-after" in response.headers):
            self.report.fail(f"{label}: {status}", told)
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                self.report.fail(f"{label}: {status}: {failure.title}", f"{failure.message[:800]}\n{told}")

    def _without_key(self, label: str, case: Any) -> None:
        for headers in ({"X-API-Key": WRONG_KEY}, {"X-API-Key": "", "Authorization": "Bearer "}):
            self.report.unkeyed += 1
            answer = case.call(self._url, self._session, headers, timeout=TIMEOUT)
            if answer.status_code != 401:
                self.report.fail(f"{label}: let in without a key", f"{answer.status_code} {case.as_curl_command()}")


def small_collection(folder: Path) -> tuple[Path, list[str]]:
    """A collection of eight drawn pictures, and their ids."""
    photos = folder / "photos"
    photos.mkdir()
    for number, sample in enumerate(sample_catalogue()[:8]):
        draw(sample.scene, size=224).save(photos / f"{number}.jpg")
    target = folder / "photos.collection"
    build_collection([photos], target, models="bundled")
    from retrieval.collection import Collection

    with Collection.open(target) as collection:
        everything = collection.search(collection.vector(_any_id(collection)), 8)
        return target, [one.id for one in everything]


def _any_id(collection: Any) -> str:
    with collection._readers.lend() as catalog:
        return str(catalog.connection.execute("SELECT id FROM image LIMIT 1").fetchone()[0])


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="operations whose label contains this")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        target, ids = small_collection(Path(folder))
        with serving("-c", str(target), VERALENS_API_KEYS=KEY, VERALENS_DECODE_SECONDS="5") as (process, url):
            wait_ready(url)
            report = Fuzzer(url, ids, options.seed).run(options.cases, options.only)
            alive = process.poll() is None
    document = report.to_dict() | {"alive": alive, "seconds": round(time.monotonic() - started, 1)}
    print(json.dumps(document, indent=2))
    return int(bool(report.failures) or not alive)


if __name__ == "__main__":
    sys.exit(main())
