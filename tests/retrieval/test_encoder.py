"""ClipEncoder over a stock architecture at random weights, and over the bundled model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from rerank.errors import InputError, ModelError, ModelUnavailable
from retrieval.encoder import BUNDLED_DIRECTORY, ClipEncoder

PICTURES = sorted((Path(__file__).parent.parent / "data" / "ofa-reference" / "images").iterdir())


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [Image.open(path).convert("RGB") for path in PICTURES]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    model = open_clip.create_model("ViT-B-32", precision="fp16")
    path = tmp_path_factory.mktemp("clip") / "random.pt"
    torch.save(model.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def stock(checkpoint: Path) -> ClipEncoder:
    return ClipEncoder.from_pretrained(f"ViT-B-32/{checkpoint}", precision="fp32")


@pytest.fixture(scope="module")
def bundled() -> ClipEncoder:
    return ClipEncoder.from_pretrained("bundled", precision="fp32")


@pytest.fixture
def encoder(request: pytest.FixtureRequest) -> ClipEncoder:
    chosen: ClipEncoder = request.getfixturevalue(request.param)
    return chosen


both = pytest.mark.parametrize("encoder", ["stock", "bundled"], indirect=True)


@both
def test_vectors_have_unit_norm(encoder: ClipEncoder, pictures: list[Image.Image]) -> None:
    for vectors in (encoder.encode_images(pictures), encoder.encode_texts(["blue denim jeans", "", "naïve café ☕"])):
        assert vectors.dtype == np.float32
        assert vectors.shape[1] == encoder.dimension
        assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-5


@both
def test_batch_equals_single(encoder: ClipEncoder, pictures: list[Image.Image]) -> None:
    together = encoder.encode_images(pictures)
    alone = np.concatenate([encoder.encode_images([picture]) for picture in pictures])
    assert np.abs(together - alone).max() <= 1e-5
    texts = ["a cat", "a much longer description of a cup of coffee on a table"]
    both_texts = encoder.encode_texts(texts)
    assert np.abs(both_texts - np.concatenate([encoder.encode_texts([text]) for text in texts])).max() <= 1e-5


def test_same_vectors_as_open_clip_itself(stock: ClipEncoder, checkpoint: Path, pictures: list[Image.Image]) -> None:
    model, _, preprocess = open_clip.create_model_and_transforms("ViT-B-32", pretrained=str(checkpoint))
    model.eval()
    with torch.inference_mode():
        images = model.encode_image(torch.stack([preprocess(picture) for picture in pictures]), normalize=True)
        texts = model.encode_text(open_clip.get_tokenizer("ViT-B-32")(["blue denim jeans"]), normalize=True)
    assert np.abs(stock.encode_images(pictures) - images.numpy()).max() <= 1e-4
    assert np.abs(stock.encode_texts(["blue denim jeans"]) - texts.numpy()).max() <= 1e-4


@both
def test_bf16_points_the_same_way(encoder: ClipEncoder, pictures: list[Image.Image]) -> None:
    cheap = ClipEncoder.from_pretrained(encoder.name, precision="bf16")
    cosine = (cheap.encode_images(pictures) * encoder.encode_images(pictures)).sum(axis=1)
    assert cosine.min() > 0.99
    # The same weights: a collection built in one precision is searched in another.
    assert cheap.fingerprint == encoder.fingerprint


def test_other_weights_have_another_fingerprint(stock: ClipEncoder, bundled: ClipEncoder) -> None:
    assert stock.fingerprint != bundled.fingerprint


def test_nothing_in_nothing_out(bundled: ClipEncoder) -> None:
    assert bundled.encode_images([]).shape == (0, bundled.dimension)
    assert bundled.encode_texts([]).shape == (0, bundled.dimension)


def test_bundled_encoder_is_small_and_knows_its_pictures(bundled: ClipEncoder) -> None:
    assert sum(path.stat().st_size for path in BUNDLED_DIRECTORY.iterdir()) <= 40 * 2**20
    queries = bundled.encode_texts(["a cat", "a cup of coffee", "a rocket"])
    names = [path.stem for path in PICTURES]
    found = (queries @ bundled.encode_images([Image.open(path).convert("RGB") for path in PICTURES]).T).argmax(axis=1)
    assert [names[index] for index in found] == ["chelsea", "coffee", "rocket"]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("ViT-B-32", InputError, "neither a preset"),
        ("ViT-B-33/openai", InputError, "knows no model 'ViT-B-33'"),
        ("ViT-B-32/nonsense", InputError, "has no weights 'nonsense', only .*openai"),
        ("local-dir:/nowhere", ModelUnavailable, "/nowhere: holds no open_clip_config.json"),
        ("hf-hub:nobody/nothing", ModelError, "nobody/nothing.*bundled encoder"),
    ],
)
def test_a_wrong_name_is_explained(
    name: str, error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(error, match=message):
        ClipEncoder.from_pretrained(name)
