from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from api import rerank_schemas, schemas, search_schemas, upload_schemas
from api.openapi_examples import DOCUMENTS
from api.routes.pages import WEB

OPEN = {"/livez", "/readyz", "/metrics"}
Operation = dict[str, Any]


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> dict[str, Any]:
    answer: dict[str, Any] = client.get("/openapi.json").json()
    return answer


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, Operation]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_route_of_the_service_is_described(document: dict[str, Any]) -> None:
    described = {f"{method.upper()} {path}" for path, method, _ in operations(document)}
    assert described >= {
        "POST /v1/search",
        "GET /v1/search",
        "POST /v1/search/stream",
        "POST /v1/entailment",
        "POST /v1/explain",
        "GET /v1/advice",
        "POST /v1/rerank",
        "POST /v2/rerank",
        "POST /rerank",
        "POST /v1/audits",
        "GET /v1/audits/{audit_id}",
        "DELETE /v1/audits/{audit_id}",
        "POST /v1/images",
        "GET /v1/images/{image_id}",
        "DELETE /v1/images/{image_id}",
        "GET /v1/images/{image_id}/thumbnail",
        "GET /v1/images/{image_id}/similar",
        "GET /v1/collection",
        "GET /v1/models",
        "GET /livez",
        "GET /readyz",
        "GET /metrics",
    }
    body = document["paths"]["/v1/entailment"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "application/json"}


def test_what_the_doors_answer_is_described_at_every_route(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        expected = {"400", "413", "503"}
        expected |= set() if path in OPEN else {"401"}
        expected |= set() if path in OPEN - {"/metrics"} else {"421"}
        expected |= {"403", "408"} if method in ("post", "delete") else set()
        assert expected <= set(operation["responses"]), (method, path)
        assert operation.get("security", document["security"]) == ([] if path in OPEN else document["security"])


def test_every_error_is_a_problem_document_with_an_example(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            assert "X-Request-ID" in response["headers"]
            if int(status) < 400:
                continue
            (media_type,) = response["content"]
            assert media_type == "application/problem+json", (method, path, status)
            content = response["content"][media_type]
            examples = [one["value"] for one in content.get("examples", {}).values()] or [content["example"]]
            for example in examples:
                assert schemas.ProblemDocument.model_validate(example).status == int(status)
            assert ("Retry-After" in response["headers"]) == (status in ("429", "503"))


def test_every_document_has_an_example(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for media_type, content in (pair for body in bodies for pair in body.get("content", {}).items()):
            if media_type == "multipart/form-data" or media_type.endswith("json"):
                assert _has_example(document, content), (method, path, media_type)


def _has_example(document: dict[str, Any], content: dict[str, Any]) -> bool:
    schema = content.get("schema", {})
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return bool({"example", "examples"} & (content.keys() | schema.keys()))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_example_is_what_it_is_an_example_of(name: str) -> None:
    modules = (schemas, search_schemas, rerank_schemas, upload_schemas)
    model = next(getattr(module, name) for module in modules if hasattr(module, name))
    assert issubclass(model, BaseModel)
    assert model.model_validate(DOCUMENTS[name]).model_dump(mode="json", exclude_none=True)


def test_no_reference_leads_nowhere(client: httpx.Client, document: dict[str, Any]) -> None:
    for place in set(re.findall(r'"#/components/(\w+/\w+)"', client.get("/openapi.json").text)):
        kind, name = place.split("/")
        assert name in document["components"][kind], place


def test_the_docs_show_every_route_and_load_nothing_from_outside(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    for path in client.get("/openapi.json").json()["paths"]:
        assert f"<code>{path}</code>" in page.text
    assert not re.search(r'(src|href)="(https?:)?//', page.text)


def test_the_page_is_small_and_whole(client: httpx.Client) -> None:
    files = [path for path in WEB.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 100_000
    page = client.get("/").text
    for path in re.findall(r'(?:src|href)="(/[^"#]+)"', page):
        assert client.get(path).status_code == 200
    assert not re.search(r'(src|href)="(https?:)?//', page)


def test_heads_are_answered(client: httpx.Client) -> None:
    assert client.head("/").status_code == 200
    assert client.head("/").content == b""
