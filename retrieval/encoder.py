"""ClipEncoder: images and texts to unit-norm vectors of one space, through open_clip."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from rerank.errors import InputError, ModelInvalid, ModelUnavailable
from rerank.fusion import CLIP_SCALE
from rerank.hardware import Precision, choose_device, choose_dtype
from retrieval.presets import encoder_of
from retrieval.text_tower import TextTower
from retrieval.types import Vectors

BUNDLED_DIRECTORY = Path(__file__).parent / "bundled"


class ClipEncoder:
    """Any open_clip model. Thread-safe: calls take turns on the model.

    The image tower runs in bf16 and channels_last where the hardware has bf16, since it does nearly all
    the work; the text tower stays in fp32, since a query is short and its vector decides everything.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        preprocess: Callable[[Image.Image], Tensor],
        tokenizer: Callable[[list[str]], Tensor],
        *,
        device: torch.device,
        dtype: torch.dtype,
        batch_size: int = 32,
    ) -> None:
        if batch_size < 1:
            raise InputError(f"batch_size must be at least 1, not {batch_size}")
        self.name = name
        self.batch_size = batch_size
        self.fingerprint = fingerprint(model, preprocess)
        self.image_size = _image_size(model)
        scale = getattr(model, "logit_scale", None)
        self.similarity_scale = float(scale.detach().exp()) if isinstance(scale, Tensor) else CLIP_SCALE
        self._preprocess = preprocess
        self._tokenizer = tokenizer
        self._device = device
        self._dtype = dtype
        self._model: Any = model.eval().to(device)
        self._model.visual.to(dtype).to(memory_format=torch.channels_last)
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="clip-preprocess")
        self._text_tower = TextTower(self._model)
        self._text_tower.check(self._tokenizer(["a", "two words"]).to(device))
        self.dimension = self.encode_texts(["a"]).shape[1]

    @classmethod
    def from_pretrained(
        cls,
        name: str = "bundled",
        *,
        device: str | None = None,
        precision: Precision = "auto",
        batch_size: int = 32,
    ) -> ClipEncoder:
        """Load an encoder by name.

        Args:
            name: ``bundled`` or another preset; an open_clip ``NAME/TAG``, where TAG may also be the
                absolute path of a checkpoint; ``hf-hub:ORG/NAME``; ``local-dir:PATH`` or a directory
                with ``open_clip_config.json``.
            device: a torch device, or None for the GPU where there is one.
            precision: of the image tower: "fp32", "bf16", or "auto" (bf16 where the hardware has it).
            batch_size: images in one forward pass.

        Raises:
            InputError, ModelUnavailable, ModelInvalid: with the remedy.
        """
        chosen = choose_device(device)
        model, preprocess, tokenizer = _create(encoder_of(name))
        dtype = choose_dtype(precision, chosen)
        return cls(encoder_of(name), model, preprocess, tokenizer, device=chosen, dtype=dtype, batch_size=batch_size)

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """RGB images to float32 (n, dimension), each row of length 1."""
        rows = []
        for start in range(0, len(images), self.batch_size):
            batch = images[start : start + self.batch_size]
            pixels = torch.stack(list(self._threads.map(self._preprocess, batch)))
            rows.append(self._run(self._model.encode_image, pixels.to(self._dtype), torch.channels_last))
        return np.concatenate(rows) if rows else np.zeros((0, self.dimension), dtype=np.float32)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts to float32 (n, dimension), each row of length 1. Longer texts than the model reads are cut."""
        rows = []
        for start in range(0, len(texts), 256):
            # Undecodable characters of a file name or request must not fail a query.
            clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts[start : start + 256]]
            rows.append(self._run(self._text_tower, self._tokenizer(clean), torch.contiguous_format))
        return np.concatenate(rows) if rows else np.zeros((0, self.dimension), dtype=np.float32)

    @torch.inference_mode()
    def _run(self, encode: Callable[[Tensor], Tensor], batch: Tensor, layout: torch.memory_format) -> Vectors:
        with self._lock:
            features = encode(batch.to(self._device, memory_format=layout))
        unit = F.normalize(features.float(), dim=-1)
        return np.ascontiguousarray(unit.cpu().numpy(), dtype=np.float32)


def load_encoder(name: str = "bundled", *, device: str | None = None, precision: Precision = "auto") -> ClipEncoder:
    """``ClipEncoder.from_pretrained`` under the name that the rest of the package uses."""
    return ClipEncoder.from_pretrained(name, device=device, precision=precision)


def fingerprint(model: nn.Module, preprocess: object) -> str:
    """Hash of every weight and of the preprocessing: what makes embeddings comparable."""
    digest = hashlib.blake2b(digest_size=16)
    for key, value in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(value.detach().float().cpu().contiguous().numpy().data)
    digest.update(repr(preprocess).encode())
    return digest.hexdigest()


def _create(name: str) -> tuple[nn.Module, Callable[[Image.Image], Tensor], Callable[[list[str]], Tensor]]:
    import open_clip

    model_name, tag = _open_clip_name(name)
    try:
        model, _, preprocess = open_clip.create_model_and_transforms(model_name, pretrained=tag)
        tokenizer = open_clip.get_tokenizer(model_name)
    except (OSError, ConnectionError) as error:
        raise ModelUnavailable(
            f"encoder {name!r} is not on this machine and cannot be fetched ({_first_line(error)}). On a machine "
            "with a network, download it and name it as local-dir:PATH here; or use the bundled encoder."
        ) from error
    except (RuntimeError, ValueError, KeyError) as error:
        raise _creation_error(name, error) from error
    return model, preprocess, tokenizer


def _open_clip_name(name: str) -> tuple[str, str | None]:
    if name == "bundled":
        name = str(BUNDLED_DIRECTORY)
    if name.startswith("hf-hub:"):
        return name, None
    directory = Path(name.removeprefix("local-dir:")).expanduser()
    if (directory / "open_clip_config.json").is_file():
        return f"local-dir:{directory}", None
    if name.startswith("local-dir:") or directory.is_dir():
        raise ModelUnavailable(f"{directory}: holds no open_clip_config.json, so it is no open_clip model directory")
    model_name, slash, tag = name.partition("/")
    if not slash or not tag:
        raise InputError(
            f"encoder {name!r} is neither a preset, nor an open_clip NAME/TAG such as ViT-B-32/laion2b_s34b_b79k, "
            "nor hf-hub:ORG/NAME, nor local-dir:PATH"
        )
    import open_clip

    if model_name not in open_clip.list_models():
        raise InputError(f"encoder {name!r}: open_clip knows no model {model_name!r}; see open_clip.list_models()")
    tags = open_clip.list_pretrained_tags_by_model(model_name)
    if tag not in tags and not Path(tag).is_file():
        raise InputError(f"encoder {name!r}: {model_name} has no weights {tag!r}, only {', '.join(tags)}")
    return model_name, tag


def _creation_error(name: str, error: Exception) -> ModelInvalid | ModelUnavailable:
    text = str(error)
    if "download" in text.lower() or "connect" in text.lower() or "offline" in text.lower():
        return ModelUnavailable(f"encoder {name!r} cannot be fetched ({_first_line(error)}); use the bundled encoder")
    return ModelInvalid(f"encoder {name!r} cannot be loaded: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _image_size(model: Any) -> int:
    size = getattr(model.visual, "image_size", 224)
    return int(max(size)) if isinstance(size, tuple | list) else int(size)
