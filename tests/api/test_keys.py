from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.cli import main
from api.keys import KeyRing, new_key, stored
from api.settings import Settings
from rerank.errors import InputError
from tests.api.conftest import assert_problem, running, wait_ready
from tests.api.fakes import FakeEngine


def test_every_key_is_another_and_long() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert min(len(key) for key in keys) >= 43


def test_a_ring_knows_its_keys_by_name_and_holds_none() -> None:
    key = new_key()
    ring = KeyRing({"shop": stored(key)}, ["plain"])
    assert (ring.name_of(key), ring.name_of("plain"), ring.name_of("other"), ring.name_of("")) == (
        "shop",
        "key-1",
        None,
        None,
    )
    assert key not in repr(vars(ring))
    assert ring.name_of("\udcff") is None  # a header that is not UTF-8


def test_a_new_key_is_shown_once_and_opens_by_the_line_that_goes_into_the_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, shared_engine: FakeEngine
) -> None:
    assert main(["keys", "new", "shop"]) == 0
    shown = capsys.readouterr()
    key = shown.out.strip()
    assert key not in shown.err
    assert stored(key) in shown.err
    file = tmp_path / "veralens.toml"
    file.write_text("[keys]\n" + shown.err.split("[keys]\n")[1])
    assert key not in file.read_text()

    app = create_app(Settings.load(file), open_engine=lambda: shared_engine)
    with running(app) as url:
        wait_ready(url)
        headers = {"Authorization": f"Bearer {key}"}
        assert httpx.get(f"{url}/v1/collection", headers=headers).status_code == 200
        assert_problem(httpx.get(f"{url}/v1/collection", headers={"X-API-Key": stored(key)}), 401)
        assert_problem(httpx.get(f"{url}/v1/collection"), 401)


def test_keys_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new", "shop", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["line"] == f'"shop" = "{stored(made["key"])}"'


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a\nb", "-a"])
def test_a_name_is_one_word(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new", "--", name]) == 2
    assert "name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('shop = "vl_a-key-itself"', r"keys: shop: must be sha256"),
        ('shop = "sha256:12"', r"keys: shop: must be sha256"),
        ('"a b" = "sha256:00"', r"keys: 'a b'"),
    ],
)
def test_what_is_no_digest_is_refused_and_not_repeated(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "veralens.toml"
    file.write_text(f"[keys]\n{line}\n")
    with pytest.raises(InputError, match=said) as refused:
        Settings.load(file)
    assert "vl_a-key" not in str(refused.value)
