"""The whole model as one graph of tensors without any choice on their values, as exporters need it."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from rerank.ofa.config import TaskConfig
from rerank.ofa.decoder import DecoderBiases
from rerank.ofa.encoder import by_head, mask_keys
from rerank.ofa.model import Biases, OFAModel
from rerank.ofa.positions import image_buckets, token_buckets


class EntailmentGraph(nn.Module):
    """Pixels and prompts to probabilities; the same arithmetic as ``OFAModel``, padding always masked."""

    image_table: Tensor
    token_buckets: Tensor
    answers: Tensor

    def __init__(self, model: OFAModel, task: TaskConfig, answers: Tensor) -> None:
        super().__init__()
        self.model = model
        self.temperature = task.temperature
        config, side = model.config, self._side(model, task)
        self.grid = (side, side)
        self.longest = min(task.max_src_length + 2, config.max_position_embeddings)
        self.register_buffer("answers", answers)
        self.register_buffer("image_table", image_buckets(side, side, config.image_bucket_size).flatten())
        buckets = token_buckets(self.longest, config.token_bucket_size)
        self.register_buffer("token_buckets", buckets)

    def forward(self, pixels: Tensor, tokens: Tensor) -> Tensor:
        """Pixels (batch, 3, size, size) and padded prompts int64 (batch, length) to probabilities (batch, 3)."""
        image = self.model.image_tokens(pixels)
        batch, cells, _ = image.shape
        length = tokens.shape[1]
        biases = self._biases(cells, length)
        pad = tokens == self.model.config.pad_token_id
        padding = torch.cat([pad.new_zeros(batch, cells), pad], dim=1)
        embedded = self.model.embed_tokens(tokens)
        text = self.model.encoder.embed_text(embedded)
        x = torch.cat([image, text], dim=1) * ~padding[:, :, None]
        for layer, bias in zip(self.model.encoder.layers, biases.encoder, strict=True):
            x = layer(x, mask_keys(bias, padding))
        encoded = self.model.encoder.layer_norm(x)
        hidden = self.model.decoder(embedded[:, :-1], encoded, biases.decoder, padding)
        last = (~pad).sum(dim=1) - 2
        read = torch.gather(hidden, 1, last[:, None, None].expand(-1, 1, hidden.shape[-1]))[:, 0]
        logits = read @ self.model.embed_tokens.weight[self.answers].T
        return torch.softmax(logits / self.temperature, dim=-1)

    def _biases(self, cells: int, length: int) -> Biases:
        encoder = self.model.encoder
        positions = encoder.positions(self.grid, length)
        absolute = encoder.position_bias(positions, positions)
        text = self.token_buckets[:length, :length]
        biases = []
        tables = zip(encoder.image_rel_pos_table_list, encoder.token_rel_pos_table_list, strict=True)
        for image_table, token_table in tables:
            square = by_head(image_table, self.image_table.view(cells, cells))
            words = cast(nn.Embedding, token_table)(text).permute(2, 0, 1)
            # Pictures and words have no relative position to each other: zeros beside the two squares.
            above = torch.cat([square, square.new_zeros(square.shape[0], cells, length)], dim=2)
            below = torch.cat([words.new_zeros(words.shape[0], length, cells), words], dim=2)
            biases.append(absolute + torch.cat([above, below], dim=1))
        biases *= self.model.config.encoder_layers if self.model.config.share_attn_bias else 1
        return Biases(biases, self._decoder_biases(length - 1, positions))

    def _decoder_biases(self, length: int, source: Tensor) -> DecoderBiases:
        decoder = self.model.decoder
        positions = decoder.pos_ln(decoder.embed_positions(torch.arange(length, device=source.device)))
        place = torch.arange(length, device=source.device)
        future = place[None, :] > place[:, None]
        absolute = decoder.self_position_bias(positions, positions)
        absolute = absolute.masked_fill(future, torch.finfo(absolute.dtype).min)
        buckets = self.token_buckets[:length, :length]
        own = [
            absolute + cast(nn.Embedding, table)(buckets).permute(2, 0, 1) for table in decoder.token_rel_pos_table_list
        ]
        own *= self.model.config.decoder_layers if self.model.config.share_attn_bias else 1
        return DecoderBiases(own, decoder.cross_position_bias(positions, source))

    @staticmethod
    def _side(model: OFAModel, task: TaskConfig) -> int:
        stem = model.config.image_stem
        return -(-task.patch_image_size // 16) if stem is None else stem.grid
