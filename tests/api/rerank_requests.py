"""Rerank requests: drawn pictures as they are sent, and the sending."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import httpx
from PIL import Image

PATHS = ["/v1/rerank", "/v2/rerank", "/rerank"]


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def drawn(colour: str, size: tuple[int, int] = (80, 60), kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


RED = f"data:image/png;base64,{encoded(drawn('red'))}"
JPEG = encoded(drawn("green", kind="JPEG"))


def post(client: httpx.Client, body: object, path: str = "/v1/rerank") -> httpx.Response:
    # By json.dumps, because httpx refuses NaN and half surrogate pairs.
    return client.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})


def reranked(client: httpx.Client, documents: list[Any], **more: Any) -> dict[str, Any]:
    response = post(client, {"query": "a red field", "documents": documents, **more})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer
