"""Names and shapes of the weights of an OFA model, as the reference implementation calls them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

STAGES = {
    "resnet18": (2, 2, 2),
    "resnet34": (3, 4, 6),
    "resnet50": (3, 4, 6),
    "resnet101": (3, 4, 23),
    "resnet152": (3, 8, 36),
}


def shapes(config: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the weights of a model with this ``config.json``."""
    width, buckets = config["d_model"], config["image_bucket_size"]
    yield "encoder.embed_tokens.weight", (config["vocab_size"], width)
    yield "encoder.type_embedding.weight", (2, width)
    yield "encoder.embed_image_positions.weight", (buckets**2 + 1, width)
    yield from _resnet(STAGES[config["resnet_type"]])
    yield from _linear("encoder.image_proj", width, 1024)
    for norm in ("encoder.patch_layernorm_embedding", "encoder.image_pos_ln"):
        yield from _norm(norm, width)
    for part, attentions in (("encoder", ("self",)), ("decoder", ("self", "cross"))):
        layers, heads, ffn = (config[f"{part}_{what}"] for what in ("layers", "attention_heads", "ffn_dim"))
        yield f"{part}.embed_positions.weight", (config["max_position_embeddings"] + 2, width)
        for norm in ("layernorm_embedding", "pos_ln", "layer_norm"):
            yield from _norm(f"{part}.{norm}", width)
        for attention in attentions:
            for side in "qk":
                stem = "pos" if part == "encoder" else f"{attention}_pos"
                yield from _linear(f"{part}.{stem}_{side}_linear", width, width)
        for table in range(1 if config["share_attn_bias"] else layers):
            yield f"{part}.token_rel_pos_table_list.{table}.weight", (2 * config["token_bucket_size"] - 1, heads)
            if part == "encoder":
                yield f"encoder.image_rel_pos_table_list.{table}.weight", ((2 * buckets - 1) ** 2 + 3, heads)
        for layer in range(layers):
            yield from _layer(f"{part}.layers.{layer}", attentions, width, heads, ffn)


def _layer(
    name: str, attentions: tuple[str, ...], width: int, heads: int, ffn: int
) -> Iterator[tuple[str, tuple[int, ...]]]:
    for attention in attentions:
        yield f"{name}.{attention}_attn.c_attn", (heads,)
        for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from _linear(f"{name}.{attention}_attn.{projection}", width, width)
        yield from _norm(f"{name}.{attention}_attn_layer_norm", width)
        yield from _norm(f"{name}.{attention}_attn_mid_layer_norm", width)
    yield from _linear(f"{name}.fc1", ffn, width)
    yield from _linear(f"{name}.fc2", width, ffn)
    yield from _norm(f"{name}.ffn_layer_norm", ffn)
    yield from _norm(f"{name}.final_layer_norm", width)


def _resnet(stages: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    stem = "encoder.embed_images"
    yield f"{stem}.conv1.weight", (64, 3, 7, 7)
    yield from _batch_norm(f"{stem}.bn1", 64)
    channels = 64
    for stage, blocks in enumerate(stages):
        width = 64 * 2**stage
        for block in range(blocks):
            name = f"{stem}.layer{stage + 1}.{block}"
            for n, (out, into, side) in enumerate(((width, channels, 1), (width, width, 3), (4 * width, width, 1)), 1):
                yield f"{name}.conv{n}.weight", (out, into, side, side)
                yield from _batch_norm(f"{name}.bn{n}", out)
            if block == 0:
                yield f"{name}.downsample.0.weight", (4 * width, channels, 1, 1)
                yield from _batch_norm(f"{name}.downsample.1", 4 * width)
            channels = 4 * width


def _linear(name: str, out: int, into: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (out, into)
    yield f"{name}.bias", (out,)


def _norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def _batch_norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _norm(name, width)
    yield f"{name}.running_mean", (width,)
    yield f"{name}.running_var", (width,)
