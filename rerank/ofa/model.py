"""The whole network: image and text in, one logit per answer out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from rerank.ofa.config import OFAConfig
from rerank.ofa.decoder import Decoder, DecoderBiases
from rerank.ofa.encoder import Encoder
from rerank.ofa.stem import build_stem


class Biases(NamedTuple):
    """Every attention bias of a forward pass."""

    encoder: list[Tensor]
    decoder: DecoderBiases


class KeptBiases:
    """Biases for texts of up to some length, kept between calls: they depend on the grid and the length alone.

    A shorter text's are the same but for the keys beyond it, which ``fit`` shuts in place: building them
    anew for every length would cost a large model more than judging a pair does.
    """

    def __init__(self, biases: Biases, cells: int) -> None:
        self._biases = biases
        self._cells = cells
        self._tails = [bias[:, :, cells:].clone() for bias in biases.encoder]
        self._length = self._tails[0].shape[-1]

    def fit(self, length: int) -> Biases:
        """The biases for texts of ``length`` tokens; those handed out before are no longer valid."""
        encoder, (own, cross) = self._biases
        if length != self._length:
            for bias, tail in zip(encoder, self._tails, strict=True):
                bias[:, :, self._cells :] = tail
                bias[:, :, self._cells + length :] = torch.finfo(bias.dtype).min
            self._length = length
        prompt = length - 1
        shorter = DecoderBiases([bias[:, :prompt, :prompt] for bias in own], cross[:, :prompt, : self._cells + length])
        return Biases(encoder, shorter)


class OFAModel(nn.Module):
    """OFA (Wang et al., 2022) for classification: the decoder reads the prompt once.

    The reference scores each answer by a constrained decoding of its own; with answers of one token
    that is a softmax over their logits at the prompt's last position.
    """

    def __init__(self, config: OFAConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_images = build_stem(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.d_model, config.pad_token_id)
        self.encoder = Encoder(config, self.embed_images.channels)
        self.decoder = Decoder(config)

    def image_tokens(self, pixels: Tensor) -> Tensor:
        """Pixels (batch, 3, height, width) to image tokens (batch, cells, d_model), independent of any text."""
        features = self.embed_images(pixels)
        return self.encoder.embed_image(features.flatten(2).transpose(1, 2))

    def biases(self, cells: int, length: int, dtype: torch.dtype = torch.float32) -> Biases:
        """Attention biases for a square grid of ``cells`` image tokens and texts of ``length`` tokens."""
        side = round(cells**0.5)
        grid = (side, side)
        positions = self.encoder.positions(grid, length)
        return Biases(
            self.encoder.biases(positions, grid, length, dtype),
            # The prompt is the source without its closing </s>.
            self.decoder.biases(length - 1, positions, dtype),
        )

    def forward(self, image: Tensor, tokens: Tensor, answers: Tensor, biases: Biases | None = None) -> Tensor:
        """Logits of the answers, (batch, answers).

        Args:
            image: image tokens (batch, cells, d_model).
            tokens: ``<s> prompt </s>`` padded at the end, int64 (batch, length).
            answers: token ids of the answers, int64 (answers,).
            biases: from ``biases(cells, length)``, when the caller keeps them.
        """
        batch, cells, _ = image.shape
        if biases is None:
            biases = self.biases(cells, tokens.shape[1], image.dtype)
        pad = tokens == self.config.pad_token_id
        padding = None
        if bool(pad.any()):
            padding = torch.cat([pad.new_zeros(batch, cells), pad], dim=1)
        embedded = self.embed_tokens(tokens)
        encoded = self.encoder(image, self.encoder.embed_text(embedded), biases.encoder, padding)
        hidden = self.decoder(embedded[:, :-1], encoded, biases.decoder, padding)
        last = (~pad).sum(dim=1) - 2
        read = hidden[torch.arange(batch, device=hidden.device), last]
        logits: Tensor = read.float() @ self.embed_tokens.weight[answers].float().T
        return logits
