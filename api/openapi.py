"""The OpenAPI document, completed by what holds for every route: keys, what the doors answer, examples of errors."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from api import request_ids
from api.doors import OPEN_PATHS
from api.errors import MEDIA_TYPE
from api.hosts import ANY_HOST, SAFE_METHODS
from api.openapi_examples import ANSWERS, BODIES, DOCUMENTS, PARAMETERS
from api.schemas import ProblemDocument

Schema = dict[str, Any]
LINES = "application/x-ndjson"
METHODS = ("get", "put", "post", "delete", "patch")
# What an error's example says; routes say more in theirs.
EXAMPLES = {
    400: ("malformed", "the body is not JSON: Expecting value at character 12"),
    401: ("a key is needed", "a key is needed: send Authorization: Bearer KEY, or X-API-Key: KEY"),
    403: (
        "another site's page sent it",
        "another site's page sent this; its operator can add that site to cors_origins",
    ),
    404: ("not found", "img_0123456789abcdef0123: no such image in the collection"),
    408: ("the request did not come in time", "the request's body did not come in time"),
    409: ("at odds with what is there", "this cannot be done now"),
    410: ("no longer there", "this is no longer kept"),
    413: ("too large", "the body is larger than 20,971,520 bytes, the most that is taken here"),
    415: ("not an image, or not a media type, that is read here", "Content-Type text/plain must be application/json"),
    421: ("not the name of this server", "this server does not answer to the name in Host"),
    422: ("well-formed but wrong", "top_k: Input should be greater than or equal to 1"),
    429: ("too many requests wait; see Retry-After", "too many requests are waiting; try again in 2 s"),
    503: ("loading, failed to load, full, or shutting down; see Retry-After", "the models are still loading"),
}
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer KEY"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
HEADERS = {
    "RequestId": {
        "description": "the request's own X-Request-ID where it is one plain word, else one made here",
        "schema": {"type": "string"},
    },
    "RetryAfter": {"description": "when to ask again, in seconds", "schema": {"type": "integer"}},
}


def install(app: FastAPI, *, keyed: bool) -> None:
    """Have ``app.openapi()`` give the completed document; ``keyed`` when the service asks for keys."""
    plain = app.openapi

    def described() -> Schema:
        document = plain()
        if "securitySchemes" not in document.setdefault("components", {}):
            _complete(document, keyed)
        return document

    app.openapi = described  # type: ignore[method-assign]


def _complete(document: Schema, keyed: bool) -> None:
    components = document["components"]
    components["securitySchemes"] = SCHEMES
    components["headers"] = HEADERS
    schemas = components.setdefault("schemas", {})
    schemas.setdefault("ProblemDocument", _problem_schema(schemas))
    # Without keys nobody has to show one, but may.
    anyone: list[Schema] = [] if keyed else [{}]
    document["security"] = [{"bearer": []}, {"header": []}, *anyone]
    for name, example in DOCUMENTS.items():
        if name in schemas:
            schemas[name].setdefault("examples", [example])
    for path, method, operation in _operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            _share(content.get("schema", {}), schemas)
        _add_examples(operation, path)
        if path in OPEN_PATHS:
            operation["security"] = []
        responses = operation["responses"]
        for status in _at_the_door(path, method):
            responses.setdefault(str(status), {"description": EXAMPLES[status][0]})
        for status, response in responses.items():
            _complete_response(response, int(status), path)
        operation["responses"] = dict(sorted(responses.items()))
    # FastAPI's own form of a 422, which nothing sends here.
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)


def _operations(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _add_examples(operation: Schema, path: str) -> None:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path" and parameter["name"] in PARAMETERS:
            parameter.setdefault("example", PARAMETERS[parameter["name"]])
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if media_type in BODIES.get(path, {}) and "examples" not in content:
            content.setdefault("example", BODIES[path][media_type])
    answer = operation["responses"].get("200", {}).get("content", {})
    if path in ANSWERS and "application/json" in answer:
        answer["application/json"].setdefault("example", ANSWERS[path])
    if LINES in answer and "application/json" in answer:
        # FastAPI knows of no other media type for a model; what it describes is one line.
        answer[LINES].setdefault("schema", answer.pop("application/json")["schema"])


def _at_the_door(path: str, method: str) -> Iterator[int]:
    """What may be answered before a route sees the request."""
    yield from (400, 413, 503)
    if path not in OPEN_PATHS:
        yield 401
    if path not in ANY_HOST:
        yield 421
    if method.upper() not in SAFE_METHODS:
        yield from (403, 408)


def _complete_response(response: Schema, status: int, path: str) -> None:
    headers = response.setdefault("headers", {})
    headers[request_ids.HEADER] = {"$ref": "#/components/headers/RequestId"}
    if status < 400:
        return
    if status in (429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    kept = response.get("content", {}).get(MEDIA_TYPE, {})
    told = {"example": _problem(status, path)} if not {"example", "examples"} & kept.keys() else {}
    content = {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
    response["content"] = {MEDIA_TYPE: content | kept | told}


def _problem(status: int, path: str) -> Schema:
    phrase = HTTPStatus(status).phrase
    detail = EXAMPLES.get(status, (phrase, phrase))[1]
    return {"type": "about:blank", "title": phrase, "status": status, "detail": detail, "instance": path}


def _problem_schema(schemas: Schema) -> Schema:
    schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    _share(schema, schemas)
    return schema


def _share(schema: Schema, schemas: Schema) -> None:
    """Put what a schema defines for itself where its references look for it."""
    for name, one in schema.pop("$defs", {}).items():
        schemas.setdefault(name, one)
