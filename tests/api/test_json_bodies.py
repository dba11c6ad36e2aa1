from __future__ import annotations

import asyncio
import base64
import json
import os

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import json_bodies
from api.errors import Problem
from api.json_bodies import parse, read_json
from tests.api.conftest import assert_problem

TEXTS = st.text(max_size=30) | st.sampled_from(['"', "\\", '\\"', "é" * 40, "x" * 60, '"' + "y" * 50, "\\" * 33])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(DOCUMENTS, st.booleans())
def test_it_reads_what_the_parser_of_python_reads(document: object, escaped: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_bodies, "LONG", 20)
        body = json.dumps(document, ensure_ascii=escaped).encode()
        assert parse(body) == document


BROKEN = (b'{"a": "' + b"x" * 70_000, b"[" * 70_000, b'"' + b"\xff" * 70_000 + b'"', b"{" + b" " * 70_000)


@pytest.mark.parametrize("body", BROKEN)
def test_what_is_no_json_is_said(body: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        asyncio.run(read_json(body))


def test_there_may_be_so_much_besides_pictures() -> None:
    with pytest.raises(Problem) as refused:
        parse(b"[" + b"1," * 2_000_000 + b"1]")
    assert refused.value.status_code == 413


def test_a_large_picture_is_read(service: str) -> None:
    uri = "data:image/png;base64," + base64.b64encode(os.urandom(12_000_000)).decode()
    response = httpx.post(f"{service}/v1/search", json={"image": uri}, timeout=120)
    assert_problem(response, 415, "not an image")
    broken = b'{"image": "' + b"A" * 200_000
    answer = httpx.post(f"{service}/v1/search", content=broken, headers={"Content-Type": "application/json"})
    assert_problem(answer, 400, "character 10")
