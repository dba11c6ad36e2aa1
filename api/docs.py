"""``/docs``: the OpenAPI document as a plain page, so that reading it needs nothing from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

Schema = Mapping[str, Any]
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Veralens API</title>
<link rel="icon" href="/web/icon.svg">
<script src="/web/theme.js"></script>
<link rel="stylesheet" href="/web/base.css">
<link rel="stylesheet" href="/web/docs.css">
<main class="docs">
<p><a href="/">← Veralens</a></p>
<h1>HTTP API</h1>
{body}
<p>The same for programs: <a href="/openapi.json">/openapi.json</a>.</p>
</main>
</html>
"""


def render(document: Schema) -> str:
    """The page for an OpenAPI document."""
    parts = [f"<p>{escape(document['info'].get('description', ''))}</p>"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.extend(_operation(document, method.upper(), path, operation))
    return PAGE.format(body="\n".join(parts))


def _operation(document: Schema, method: str, path: str, operation: Schema) -> Iterator[str]:
    yield f'<section><h2><span class="method">{method}</span> <code>{escape(path)}</code></h2>'
    yield f"<p>{escape(operation.get('description', ''))}</p>"
    parameters = [
        (one["name"], one.get("required", False), one.get("schema", {})) for one in operation.get("parameters", [])
    ]
    if parameters:
        yield _table(document, "Parameters", parameters)
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = _resolved(document, content.get("schema", {}))
        yield _table(document, f"Body, {kind}", _fields(schema))
        named = [one["value"] for one in content.get("examples", {}).values() if "value" in one]
        for example in [*named, *schema.get("examples", [])][:1]:
            yield f'<pre tabindex="0">{escape(json.dumps(example, indent=2, ensure_ascii=False))}</pre>'
    for code, said in operation["responses"].items():
        answer = said.get("content", {}).get("application/json") if code.startswith("2") else None
        if answer:
            yield _table(document, f"Answer, {code}", _fields(_resolved(document, answer.get("schema", {}))))
    statuses = ", ".join(f"{code} {escape(said['description'])}" for code, said in operation["responses"].items())
    yield f'<p class="statuses">Statuses: {statuses}.</p></section>'


def _fields(schema: Schema) -> list[tuple[str, bool, Schema]]:
    required = set(schema.get("required", []))
    return [(name, name in required, field) for name, field in schema.get("properties", {}).items()]


def _table(document: Schema, title: str, fields: list[tuple[str, bool, Schema]]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(_kind(document, schema))}</td>"
        f"<td>{escape(_remark(schema, required))}</td></tr>"
        for name, required, schema in fields
    )
    return f"<table><caption>{escape(title)}</caption><tbody>{rows}</tbody></table>"


def _remark(schema: Schema, required: bool) -> str:
    said = str(schema.get("description", ""))
    if required:
        return said
    if "default" in schema and schema["default"] is not None:
        return f"{said} (default {json.dumps(schema['default'])})".strip()
    return f"{said} (optional)".strip()


def _kind(document: Schema, schema: Schema) -> str:
    """A schema's type in a word or two."""
    if "$ref" in schema:
        fields = _fields(_resolved(document, schema))
        return "{" + ", ".join(name for name, _, _ in fields) + "}"
    if "anyOf" in schema:
        return " or ".join(_kind(document, one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(json.dumps(one) for one in schema["enum"])
    if schema.get("type") == "array":
        return "list of " + _kind(document, schema.get("items", {}))
    limits = [f"{sign} {schema[key]:,}" for key, sign in (("minimum", "≥"), ("maximum", "≤")) if key in schema]
    return " ".join([str(schema.get("type", "any")), *limits])


def _resolved(document: Schema, schema: Schema) -> Schema:
    """The schema that a reference names, empty where it leads nowhere; of several, the first."""
    while "$ref" in schema or "anyOf" in schema:
        if "anyOf" in schema:
            schema = schema["anyOf"][0]
        else:
            schema = document["components"]["schemas"].get(schema["$ref"].rsplit("/", 1)[-1], {})
    return schema
