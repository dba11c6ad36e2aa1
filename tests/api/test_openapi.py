from __future__ import annotations

import re

import httpx

from api.routes.pages import WEB


def test_every_route_of_this_version_is_described(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/v1/search",
        "/v1/entailment",
        "/v1/rerank",
        "/v2/rerank",
        "/rerank",
        "/v1/images/{image_id}",
        "/v1/images/{image_id}/thumbnail",
        "/v1/collection",
        "/v1/models",
        "/livez",
        "/readyz",
    }
    assert set(document["paths"]["/v1/search"]) == {"get", "post"}
    body = document["paths"]["/v1/entailment"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "application/json"}


def test_errors_are_described_as_problem_documents(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    responses = document["paths"]["/v1/search"]["post"]["responses"]
    assert {"400", "401", "413", "415", "422", "429", "503"} <= set(responses)
    for status, response in responses.items():
        if status != "200":
            assert "application/problem+json" in response["content"]


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
