"""The shape of the bundled reranker, in one place."""

from __future__ import annotations

from rerank.ofa.config import OFAConfig, TaskConfig, TimmStemConfig

IMAGE_SIZE = 224
GRID = 7
# Final map: what things are. Stride 16 by space-to-depth: texture, and where in a cell. 28 x 28 pixels: colour.
STEM = TimmStemConfig("tf_efficientnet_lite0", levels=(3, -1), grid=GRID, colour_grid=28)
TASK = TaskConfig(patch_image_size=IMAGE_SIZE, max_src_length=48)


def ofa_config(vocab_size: int) -> OFAConfig:
    """The network for a vocabulary of ``vocab_size`` tokens."""
    return OFAConfig(
        vocab_size=vocab_size,
        d_model=256,
        encoder_layers=3,
        decoder_layers=1,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=1024,
        decoder_ffn_dim=1024,
        image_stem=STEM,
        max_position_embeddings=128,
        token_bucket_size=64,
        image_bucket_size=GRID,
        dropout=0.1,
    )
