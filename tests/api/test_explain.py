"""``/v1/explain`` and ``/v1/advice`` over a real server: shapes and statuses, then what the bundled model says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from api.cli import main
from tests.api.conftest import assert_problem
from tests.api.fakes import FakeEngine
from tests.api.test_entailment import data_uri

TEXT = "  a red field and a blue hat"


@pytest.fixture
def body(pictures: Path) -> dict[str, Any]:
    return {"image": data_uri(pictures / "a.jpg"), "text": TEXT}


def test_the_shape_of_an_explanation(client: httpx.Client, body: dict[str, Any]) -> None:
    found = client.post("/v1/explain", json=body | {"premise": None, "regions": False}).json()
    assert list(found)[:5] == ["label", "entailment", "neutral", "contradiction", "model"]
    assert found["regions"] is None
    assert [part["text"] for part in found["parts"] if part["kind"] == "item"] == ["red field", "blue hat"]
    for part in found["parts"]:
        assert TEXT[part["start"] : part["end"]] == part["text"]
        assert {"label", "entailment", "neutral", "contradiction", "hypothesis"} <= set(part)
        assert part["item"] is None or found["parts"][part["item"]]["kind"] == "item"


def test_regions_are_a_grid(client: httpx.Client, body: dict[str, Any]) -> None:
    regions = client.post("/v1/explain", json=body | {"regions": True}).json()["regions"]
    assert [len(row) for row in regions["values"]] == [regions["columns"]] * regions["rows"]
    assert all(0 <= value <= 1 for row in regions["values"] for value in row)


def test_an_image_of_the_collection(client: httpx.Client, body: dict[str, Any], shared_engine: FakeEngine) -> None:
    known = next(iter(shared_engine.collection.paths))
    assert client.post("/v1/explain", json=body | {"image": known}).json()["label"] == "entailment"
    assert_problem(client.post("/v1/explain", json=body | {"image": "img_" + "0" * 20}), 404)


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"image": "https://example.org/a.jpg"}, 422, "not fetched"),
        ({"image": "data:image/png;base64,@@@@"}, 422, "base64"),
        ({"image": "data:image/png;base64,"}, 415, ""),
        ({"image": None}, 422, "image"),
        ({"text": " \n"}, 422, "text"),
        ({"text": "a" * 2001}, 422, "text"),
        ({"text": "\ud800"}, 422, "text"),
        ({"regions": "perhaps"}, 422, "regions"),
        ({"other": 1}, 422, "other"),
    ],
)
def test_wrong_requests(
    client: httpx.Client, body: dict[str, Any], change: dict[str, Any], status: int, word: str
) -> None:
    content = json.dumps(body | change)  # httpx would not send a lone surrogate
    response = client.post("/v1/explain", content=content, headers={"Content-Type": "application/json"})
    assert_problem(response, status, word)


def test_other_bodies(client: httpx.Client) -> None:
    assert_problem(client.post("/v1/explain", content=b"{", headers={"Content-Type": "application/json"}), 400)
    assert_problem(client.post("/v1/explain", content=b"{}", headers={"Content-Type": "text/plain"}), 415)


def test_without_a_reranker(pictures: Path, body: dict[str, Any]) -> None:
    from api.app import create_app
    from api.settings import Settings
    from tests.api.conftest import running, wait_ready
    from tests.api.fakes import FakeShelf

    engine = FakeEngine(FakeShelf(pictures), reranker=None)
    with running(create_app(Settings(), open_engine=lambda: engine)) as url:
        wait_ready(url)
        response = httpx.post(f"{url}/v1/explain", json=body)
        assert_problem(response, 503, "--reranker")
        assert response.headers["retry-after"]


def test_the_bundled_model_names_the_wrong_word(service: str, photos: Path) -> None:
    picture = next(path for path in sorted(photos.iterdir()) if "blue_denim_jeans" in path.name)
    body = {"image": data_uri(picture), "text": "red denim jeans", "regions": True}
    found = httpx.post(f"{service}/v1/explain", json=body, timeout=120).json()
    assert found["label"] == "contradiction"
    assert found["culprits"][0]["text"] == "red"
    verdicts = {part["hypothesis"]: part["label"] for part in found["parts"]}
    assert verdicts["jeans"] == verdicts["denim jeans"] == "entailment"
    assert verdicts["red jeans"] == "contradiction"
    right = httpx.post(f"{service}/v1/explain", json=body | {"text": "blue denim jeans"}, timeout=120).json()
    assert right["label"] == "entailment"
    assert right["culprits"] == []


def test_advice_needs_no_model(client: httpx.Client) -> None:
    assert client.get("/v1/advice", params={"text": "blue denim jeans"}).json() == {"advice": []}
    text = "  a beautiful 🎩 hat for $30"
    found = client.get("/v1/advice", params={"text": text}).json()["advice"]
    assert [(one["kind"], text[one["start"] : one["end"]]) for one in found] == [
        ("opinion", "beautiful"),
        ("invisible", "$30"),
    ]
    assert all(one["message"] for one in found)
    assert client.get("/v1/advice", params={"text": ""}).json()["advice"][0]["kind"] == "empty"
    assert_problem(client.get("/v1/advice"), 422, "text")
    assert_problem(client.get("/v1/advice", params={"text": "a" * 2001}), 422, "text")


def test_openapi_describes_both(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    post, get = paths["/v1/explain"]["post"], paths["/v1/advice"]["get"]
    assert {"200", "400", "401", "404", "413", "415", "422", "429", "503"} <= set(post["responses"])
    assert {"200", "401", "422"} <= set(get["responses"])


def test_check_explains_and_draws(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = next(path for path in sorted(photos.iterdir()) if "blue_denim_jeans" in path.name)
    heatmap = tmp_path / "heat.png"
    text = "beautiful red denim jeans"
    assert main(["check", str(picture), text, "--heatmap", str(heatmap), "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert "red" in [one["text"] for one in found["culprits"]]
    assert found["regions"]["rows"] == len(found["regions"]["values"])
    assert "tip: “beautiful” is an opinion" in err
    with Image.open(picture) as original, Image.open(heatmap) as drawn:
        assert drawn.format == "PNG"
        assert drawn.size == original.size
        red, _, blue = np.asarray(drawn.convert("RGB"), dtype=float).transpose(2, 0, 1)
        assert (red - blue).max() > 60  # somewhere it is hot
    assert main(["check", str(picture), "red denim jeans", "--explain"]) == 0
    assert "not in the picture: “red”" in capsys.readouterr().out
    assert main(["check", str(picture), "a", "--heatmap", str(tmp_path / "none" / "x.png")]) == 2
    assert "--heatmap" in capsys.readouterr().err


def test_a_form_with_a_file(client: httpx.Client, pictures: Path) -> None:
    form = {"text": TEXT, "premise": "paint", "regions": "true"}
    files = {"image": ("a.jpg", (pictures / "a.jpg").read_bytes())}
    answer = client.post("/v1/explain", data=form, files=files)
    assert answer.status_code == 200, answer.text
    assert answer.json()["regions"]["rows"] == 7
    assert [part["text"] for part in answer.json()["parts"] if part["kind"] == "item"] == ["red field", "blue hat"]
    assert_problem(client.post("/v1/explain", data=form | {"regions": "perhaps"}, files=files), 422, "regions")
    assert_problem(client.post("/v1/explain", data={"text": TEXT}, files={"other": b"x"}), 422, "other")
