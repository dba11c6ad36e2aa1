"""Many texts against one picture in one pass, for training.

An OFA encoder reads image and text as one sequence, so each pair costs a full pass. Here the image's rows
are kept from looking at the text's, by position biases alone (``keep_apart``): the checkpoint stays an
ordinary OFA, but the image's rows can be computed once for all its texts, which makes a pair three times
cheaper to train on.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor

from rerank.ofa.attention import Attention
from rerank.ofa.decoder import DecoderLayer
from rerank.ofa.encoder import EncoderLayer
from rerank.ofa.model import OFAModel

# Squared and scaled this is a bias of about -50: nothing is left of a probability after that.
FAR = 24.0


@torch.no_grad()
def keep_apart(model: OFAModel) -> None:
    """Give image rows a large negative bias on text keys; to be repeated after every optimiser step.

    Coordinate 0 of a normed position says "image", coordinate 1 "text"; the first channel of each head
    multiplies the one of the query by the other of the key.
    """
    encoder = model.encoder
    for norm, own in ((encoder.image_pos_ln, 0), (encoder.pos_ln, 1)):
        norm.weight[:2] = 0.0
        norm.bias[:2] = 0.0
        norm.bias[own] = 1.0
    bias = encoder.position_bias
    step = bias.q_linear.out_features // bias.heads
    for linear, source, value in ((bias.q_linear, 0, FAR), (bias.k_linear, 1, -FAR)):
        linear.weight[::step] = 0.0
        linear.weight[::step, source] = value
        linear.bias[::step] = 0.0


class States(NamedTuple):
    """Rows on the way up: the image's (pictures, cells, width), the texts' (texts, length, width)."""

    entered: Tensor  # the image's, embedded
    halfway: Tensor  # the image's, half way up
    texts: list[Tensor]  # the texts', after each layer


def answer_logits(model: OFAModel, features: Tensor, tokens: Tensor, answers: Tensor) -> tuple[Tensor, States]:
    """Answer logits (pictures, texts, answers), and what else is of use in training.

    Args:
        features: what the stem sees, (pictures, cells, channels).
        tokens: ``<s> prompt </s>`` padded at the end, (pictures, texts, length).
        answers: token ids of the answers.
    """
    pictures, texts, length = tokens.shape
    flat = tokens.flatten(0, 1)
    pad = flat == model.config.pad_token_id
    cells = features.shape[1]
    side = round(cells**0.5)
    positions = model.encoder.positions((side, side), length)
    biases = model.encoder.biases(positions, (side, side), length)
    embedded = model.embed_tokens(flat)
    image = model.encoder.embed_image(features)
    text = model.encoder.embed_text(embedded) * ~pad[:, :, None]
    entered = halfway = image
    told: list[Tensor] = []
    for number, (layer, bias) in enumerate(zip(model.encoder.layers, biases, strict=True), start=1):
        image, text = _encoder_layer(layer, image, text, bias, pad)  # type: ignore[arg-type]
        halfway = image if number == (len(biases) + 1) // 2 else halfway
        told.append(text)
    image, text = model.encoder.layer_norm(image), model.encoder.layer_norm(text)
    hidden = _decode(model, embedded, (image, text), positions, pad)
    logits = hidden @ model.embed_tokens.weight[answers].T
    return logits.view(pictures, texts, -1), States(entered, halfway, told)


def _encoder_layer(
    layer: EncoderLayer, image: Tensor, text: Tensor, bias: Tensor, pad: Tensor
) -> tuple[Tensor, Tensor]:
    cells = image.shape[1]
    normed = layer.self_attn_layer_norm(image), layer.self_attn_layer_norm(text)
    attn = layer.self_attn
    image_keys, image_values = _heads(attn, attn.k_proj(normed[0])), _heads(attn, attn.v_proj(normed[0]))
    own = _heads(attn, attn.q_proj(normed[0])) @ image_keys.transpose(2, 3) * attn.scale + bias[:, :cells, :cells]
    seen = _joined(attn, torch.softmax(own, dim=-1) @ image_values)
    read = _read_both(attn, normed[1], (image_keys, image_values), normed[1], (bias[:, cells:], pad))
    image = image + layer.self_attn_mid_layer_norm(seen)
    text = text + layer.self_attn_mid_layer_norm(read)
    return _fed(layer, image), _fed(layer, text)


def _fed(layer: EncoderLayer | DecoderLayer, x: Tensor) -> Tensor:
    out: Tensor = x + layer.ffn(layer.final_layer_norm(x))
    return out


def _read_both(
    attn: Attention, target: Tensor, image: tuple[Tensor, Tensor], source: Tensor, shut: tuple[Tensor, Tensor]
) -> Tensor:
    """Attention of each text's rows to its picture's and its own; no key or value of the picture is copied.

    ``target`` (texts, rows, width), ``image`` keys and values (pictures, heads, cells, channels), ``source``
    (texts, length, width), ``shut`` the bias (1 or texts, heads, rows, cells + length) and the padding (texts, length).
    """
    keys, values = image
    bias, pad = shut
    pictures, heads, cells, _ = keys.shape
    rows = target.shape[1]
    query = _heads(attn, attn.q_proj(target)) * attn.scale
    grouped = query.view(pictures, -1, heads, rows, query.shape[-1]).transpose(1, 2).flatten(2, 3)
    on_image = (grouped @ keys.transpose(2, 3)).view(pictures, heads, -1, rows, cells).transpose(1, 2)
    on_text = query @ _heads(attn, attn.k_proj(source)).transpose(2, 3)
    on_text = (on_text + bias[..., cells:]).masked_fill(pad[:, None, None, :], torch.finfo(query.dtype).min)
    both = torch.cat([on_image.flatten(0, 1) + bias[..., :cells], on_text], dim=-1)
    shares = torch.softmax(both, dim=-1)
    of_image = shares[..., :cells].view(pictures, -1, heads, rows, cells).transpose(1, 2).flatten(2, 3) @ values
    of_image = of_image.view(pictures, heads, -1, rows, query.shape[-1]).transpose(1, 2).flatten(0, 1)
    return _joined(attn, of_image + shares[..., cells:] @ _heads(attn, attn.v_proj(source)))


def _decode(
    model: OFAModel, embedded: Tensor, encoded: tuple[Tensor, Tensor], positions: Tensor, pad: Tensor
) -> Tensor:
    """The decoder's last hidden state of each text; of its one layer only that row is computed."""
    decoder, length = model.decoder, embedded.shape[1]
    biases = decoder.biases(length - 1, positions)
    last = (~pad).sum(dim=1) - 2
    rows = torch.arange(len(embedded))
    prompt = decoder.layernorm_embedding(embedded[:, :-1])
    (only,) = decoder.layers
    layer = cast(DecoderLayer, only)
    normed = layer.self_attn_layer_norm(prompt)
    attn = layer.self_attn
    query = _heads(attn, attn.q_proj(normed[rows, last][:, None])) * attn.scale
    shares = query @ _heads(attn, attn.k_proj(normed)).transpose(2, 3) + biases.own[0].transpose(0, 1)[last][:, :, None]
    read = _joined(attn, torch.softmax(shares, dim=-1) @ _heads(attn, attn.v_proj(normed)))
    x = prompt[rows, last][:, None] + layer.self_attn_mid_layer_norm(read)
    attn, (image, text) = layer.cross_attn, encoded
    keys = _heads(attn, attn.k_proj(image)), _heads(attn, attn.v_proj(image))
    cross = biases.cross.transpose(0, 1)[last][:, :, None]
    read = _read_both(attn, layer.cross_attn_layer_norm(x), keys, text, (cross, pad))
    x = _fed(layer, x + layer.cross_attn_mid_layer_norm(read))
    out: Tensor = decoder.layer_norm(x[:, 0])
    return out


def _heads(attn: Attention, x: Tensor) -> Tensor:
    return x.view(*x.shape[:-1], attn.heads, -1).transpose(1, 2)


def _joined(attn: Attention, out: Tensor) -> Tensor:
    joined: Tensor = attn.out_proj((out * attn.c_attn[:, None, None]).transpose(1, 2).flatten(2))
    return joined
