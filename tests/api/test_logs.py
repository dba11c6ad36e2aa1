from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api import logs
from api.app import create_app
from api.settings import Settings
from tests.api.conftest import running, wait_ready, wait_until
from tests.api.fakes import FakeEngine

SECRET = "a-key-nobody-sees"
QUERY = "a query nobody reads"


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged from INFO on."""
    with caplog.at_level(logging.INFO, logger="veralens"):
        yield caplog


@pytest.fixture(scope="module")
def locked(shared_engine: FakeEngine) -> Iterator[httpx.Client]:
    app = create_app(Settings.load(api_keys=(SECRET,)), open_engine=lambda: shared_engine)
    with running(app) as url, httpx.Client(base_url=url) as client:
        wait_ready(url)
        yield client


def requests(told: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.fields for record in told.records if hasattr(record, "fields")]


def test_each_request_is_one_line_and_says_nothing_private(
    locked: httpx.Client, told: pytest.LogCaptureFixture
) -> None:
    key = {"Authorization": f"Bearer {SECRET}"}
    answer = locked.post("/v1/search", json={"query": QUERY}, headers=key | {"X-Request-ID": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    locked.get("/v1/images/img_0123456789abcdef0123", headers=key)
    locked.get("/v1/search", params={"q": QUERY}, headers={"X-API-Key": "wrong-" + SECRET})
    wait_until(lambda: len(requests(told)) == 3)
    first, second, third = requests(told)
    assert first | {"ms": 0} == {
        "request_id": "mine-1",
        "method": "POST",
        "route": "/v1/search",
        "status": 200,
        "ms": 0,
        "key": "key-1",
        "client": "127.0.0.1",
    }
    assert first["ms"] >= 0
    assert (second["route"], second["status"]) == ("/v1/images/{image_id}", 404)
    assert (third["route"], third["status"]) == ("(none)", 401)
    assert "key" not in third
    for formatter in (logs.JsonFormatter(), logs.TextFormatter()):
        for line in map(formatter.format, told.records):
            assert SECRET not in line
            assert QUERY not in line
            assert "img_0123" not in line


def test_probes_are_not_worth_a_line(locked: httpx.Client, told: pytest.LogCaptureFixture) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        assert locked.get(path).status_code == 200
    locked.get("/nope")
    wait_until(lambda: len(requests(told)) > 0)
    assert [one["route"] for one in requests(told)] == ["(none)"]


@pytest.mark.parametrize("asked", ["", "a b", "x" * 65, 'a"b', "<script>", "-a"])
def test_an_id_that_is_not_sane_is_replaced(client: httpx.Client, asked: str) -> None:
    given = client.get("/v1/collection", headers={"X-Request-ID": asked}).headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{32}", given)


def test_a_problem_document_has_the_id(client: httpx.Client) -> None:
    for answer in (client.get("/nope"), client.post("/v1/search", json={}), client.get("/v1/images/x")):
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_bug_is_logged_once_with_its_trace_and_its_request(
    client: httpx.Client,
    shared_engine: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    told: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(shared_engine, "fail", lambda: RuntimeError("a bug"))
    answer = client.get("/v1/search?q=a")
    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"
    wait_until(lambda: len(requests(told)) == 1)
    (failed,) = [record for record in told.records if record.levelno == logging.ERROR]
    assert failed.exc_info is not None
    assert requests(told)[0]["status"] == 500
    assert "/v1/search" in failed.getMessage()


def test_a_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    formatter = logs.JsonFormatter()
    record = logging.LogRecord("veralens", logging.WARNING, __file__, 1, "%s\nwas odd", ("x",), None)
    line = formatter.format(record)
    assert "\n" not in line
    document = json.loads(line)
    assert (document["level"], document["message"]) == ("warning", "x\nwas odd")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", document["time"])


def test_a_line_of_text_is_one_line() -> None:
    record = logging.LogRecord("veralens", logging.WARNING, __file__, 1, "a\nb", (), None)
    record.fields = {"status": 200}
    assert logs.TextFormatter().format(record) == "veralens: a b status=200"
