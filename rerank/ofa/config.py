"""The settings of an OFA model directory, read key by key and refused where unsupported."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rerank.errors import ModelInvalid

RESNET_BLOCKS = {
    "resnet18": (2, 2, 2),
    "resnet34": (3, 4, 6),
    "resnet50": (3, 4, 6),
    "resnet101": (3, 4, 23),
    "resnet152": (3, 8, 36),
}
# Switches of the reference that change the network; each published visual-entailment model has these values.
REQUIRED = {
    "normformer": True,
    "encoder_normalize_before": True,
    "decoder_normalize_before": True,
    "layernorm_embedding": True,
    "patch_layernorm_embedding": True,
    "add_type_embedding": True,
    "share_decoder_input_output_embed": True,
    "entangle_position_embedding": False,
    "interpolate_position": False,
    "use_gamma_feature": False,
    "use_ofasys": False,
    "use_image_feature": True,
    "activation_function": "gelu",
}
PROMPT = ' does the image describe " {} "?'
PROMPT_WITH_PREMISE = ' can image and text1 " {} " imply text2 " {} "?'


@dataclass(frozen=True)
class TimmStemConfig:
    """An image stem made of a timm trunk (our extension of the format; key ``image_stem`` in config.json).

    The feature maps of ``levels`` (timm's feature indices; -1 is the trunk's final map) and, if
    ``colour_grid`` is set, the image itself averaged to that many cells a side, are brought to
    ``grid`` × ``grid`` cells by space-to-depth and concatenated along channels.
    """

    trunk: str
    levels: tuple[int, ...] = (-1,)
    grid: int = 7
    colour_grid: int = 0


@dataclass(frozen=True)
class OFAConfig:
    """The network's shape: what ``config.json`` holds."""

    vocab_size: int
    d_model: int
    encoder_layers: int
    decoder_layers: int
    encoder_attention_heads: int
    decoder_attention_heads: int
    encoder_ffn_dim: int
    decoder_ffn_dim: int
    resnet_type: str = "resnet101"
    image_stem: TimmStemConfig | None = None
    max_position_embeddings: int = 1024
    token_bucket_size: int = 256
    image_bucket_size: int = 42
    attn_scale_factor: float = 2.0
    share_attn_bias: bool = False
    scale_embedding: bool = False
    dropout: float = 0.1
    pad_token_id: int = 1
    bos_token_id: int = 0
    eos_token_id: int = 2


@dataclass(frozen=True)
class TaskConfig:
    """How images and texts are prepared and answers read: what ``configuration.json`` holds."""

    patch_image_size: int = 480
    max_src_length: int = 256
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    prompt: str = PROMPT
    prompt_with_premise: str = PROMPT_WITH_PREMISE
    answers: tuple[str, ...] = ("yes", "maybe", "no")
    temperature: float = 1.0
    fusion_weight: float = 1.0
    extra: dict[str, Any] = field(default_factory=dict)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in ``path``; ModelInvalid when it is missing or not one."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelInvalid(f"{path}: missing; a model directory in ModelScope's layout holds it") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelInvalid(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(value, dict):
        raise ModelInvalid(f"{path}: a JSON object is expected")
    return value


def read_ofa_config(directory: Path) -> OFAConfig:
    """``config.json`` of a model directory as an OFAConfig; ModelInvalid names what is unsupported."""
    path = directory / "config.json"
    raw = read_json(path)
    for key, value in REQUIRED.items():
        if raw.get(key, value) != value:
            raise ModelInvalid(f"{path}: {key} = {raw[key]!r} is not supported, only {value!r}")
    stem = raw.get("image_stem")
    if stem is None and raw.get("resnet_type", "resnet101") not in RESNET_BLOCKS:
        raise ModelInvalid(f"{path}: resnet_type = {raw['resnet_type']!r} is not one of {', '.join(RESNET_BLOCKS)}")
    names = OFAConfig.__dataclass_fields__
    values = {key: raw[key] for key in names if key in raw and key != "image_stem"}
    try:
        image_stem = None if stem is None else TimmStemConfig(**{**stem, "levels": tuple(stem.get("levels", (-1,)))})
        config = OFAConfig(image_stem=image_stem, **values)
    except TypeError as error:
        raise ModelInvalid(f"{path}: {error}") from error
    for heads in (config.encoder_attention_heads, config.decoder_attention_heads):
        if config.d_model % heads:
            raise ModelInvalid(f"{path}: d_model = {config.d_model} is not divisible by {heads} attention heads")
    return config


def read_task_config(directory: Path) -> TaskConfig:
    """``configuration.json`` and the answer table of a model directory as a TaskConfig."""
    path = directory / "configuration.json"
    raw = read_json(path)
    model = raw.get("model")
    if not isinstance(model, dict):
        raise ModelInvalid(f'{path}: the key "model" is missing')
    if raw.get("task", "visual-entailment") != "visual-entailment":
        raise ModelInvalid(f"{path}: task = {raw['task']!r}; a visual-entailment model is needed")
    if model.get("language", "en") != "en":
        raise ModelInvalid(f"{path}: language = {model['language']!r} is not supported, only 'en'")
    if model.get("prompt_type", "none") not in ("none", "prev_output"):
        raise ModelInvalid(f"{path}: prompt_type = {model['prompt_type']!r} is not supported, only 'prev_output'")
    imagenet = bool(model.get("imagenet_default_mean_and_std", False))
    prompt = model.get("prompt")
    return TaskConfig(
        patch_image_size=int(model.get("patch_image_size", 480)),
        max_src_length=int(model.get("max_src_length", 256)),
        mean=(0.485, 0.456, 0.406) if imagenet else (0.5, 0.5, 0.5),
        std=(0.229, 0.224, 0.225) if imagenet else (0.5, 0.5, 0.5),
        prompt=prompt or PROMPT,
        prompt_with_premise=prompt or PROMPT_WITH_PREMISE,
        answers=_read_answers(directory, model.get("answer2label", "answer2label.json")),
        temperature=float(model.get("temperature", 1.0)),
        fusion_weight=float(model.get("fusion_weight", 1.0)),
        extra={key: model[key] for key in ("gen_type", "prompt_type") if key in model},
    )


def _read_answers(directory: Path, name: str) -> tuple[str, ...]:
    table = read_json(directory / name)
    if set(table) != {"yes", "maybe", "no"}:
        raise ModelInvalid(f"{directory / name}: the answers yes, maybe and no are expected, found {sorted(table)}")
    return tuple(table)
