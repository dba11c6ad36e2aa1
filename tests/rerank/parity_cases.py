"""What the parity tests ask of random models: specs, drawn pictures and texts; numpy and Pillow only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from tests.rerank.random_models import Spec

# Picture, hypothesis, premise.
Question = tuple[str, str, str | None]

MANY_WORDS = " ".join(f"word{number % 7} and" for number in range(150))
PLAIN: tuple[Question, ...] = (
    ("rings", "blue denim jeans", None),
    ("noise", "a cat is looking at the camera", None),
    ("grey", "there are two birds.", "two birds on a branch"),
    ("tall", "a woman in an orange suit smiles in front of a flag", None),
)
# What people paste into a search box, and what breaks tokenisers.
ODD: tuple[Question, ...] = tuple(
    ("rings", text, None)
    for text in (
        "",
        "   ",
        "...,,,!?",
        "...a TWO-tone / striped   shirt <person>",
        "naïve café ☕ 咖啡 Ünïcödé ÉCOLE",
        "👩‍👩‍👧 family\u200d \u00a0\u2003wide  spaces",
        "İstanbul Straße e\u0301",
        "tabs\tand\n\nlines\r\nhere\n",
        'he said "yes" {} {0} %s \\n \' `$x`',
        "it's the dog's 3 toys, isn't it? they'll we've I'm you're he'd",
        "100% cotton; $29.99 (was $49) #sale ~approx @home",
        "a" * 300,
        MANY_WORDS,
    )
)
PREMISES: tuple[Question, ...] = (
    ("noise", "", ""),
    ("rings", "a hot drink", ""),
    ("noise", "", "a cup of coffee on a table"),
    ("tall", "A person-sized robot!", "...Robots / machines, in a WORKSHOP"),
    ("tiny", MANY_WORDS, MANY_WORDS),
    ("large", "short", MANY_WORDS),
)


@dataclass(frozen=True)
class Case:
    """A random model and what it is asked."""

    spec: Spec
    questions: tuple[Question, ...] = PLAIN


def picture(name: str) -> Image.Image:
    """A picture drawn by formula: "rings", "noise", "grey", "tall", "tiny" or "large"."""
    width, height = {"tall": (30, 210), "tiny": (3, 5), "large": (700, 520)}.get(name, (90, 64))
    y, x = np.mgrid[:height, :width]
    if name == "noise":
        raw = np.random.PCG64(5).random_raw(width * height)
        return Image.fromarray(raw.astype("<u8").view(np.uint8).reshape(height, width, 8)[:, :, :3].copy())
    if name == "grey":
        return Image.fromarray(((x * 7 + y * 3) % 256).astype(np.uint8))
    radius = (2 * x - width) ** 2 + (2 * y - height) ** 2
    planes = [radius // 40 % 256, (x * 255) // width, np.where((x // 9 + y // 7) % 2, 200, 30)]
    return Image.fromarray(np.stack(planes, axis=2).astype(np.uint8))


ORDERS = (("no", "yes", "maybe"), ("yes", "maybe", "no"), ("maybe", "no", "yes"))
STEMS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
CASES = (
    *(Case(Spec(stem, n, {"resnet_type": stem}, answers=ORDERS[n % 3])) for n, stem in enumerate(STEMS, 1)),
    Case(
        Spec(
            "uneven",
            11,
            {
                "d_model": 48,
                "encoder_layers": 3,
                "decoder_layers": 1,
                "encoder_attention_heads": 6,
                "decoder_attention_heads": 3,
                "encoder_ffn_dim": 96,
                "decoder_ffn_dim": 144,
            },
            {"patch_image_size": 160},
        )
    ),
    Case(
        Spec(
            "deep-decoder",
            12,
            {
                "d_model": 40,
                "encoder_layers": 1,
                "decoder_layers": 4,
                "encoder_attention_heads": 5,
                "decoder_attention_heads": 2,
            },
            # No multiple of the stem's stride: 7 × 7 cells.
            {"patch_image_size": 100},
            answers=ORDERS[2],
        )
    ),
    Case(Spec("one-head", 13, {"d_model": 24, "encoder_attention_heads": 1}, {"patch_image_size": 64})),
    Case(Spec("shared-bias", 14, {"share_attn_bias": True, "decoder_layers": 3}), PLAIN + PREMISES[3:4]),
    Case(Spec("scaled-embedding", 15, {"scale_embedding": True}, {"patch_image_size": 64}), PLAIN + PREMISES[3:4]),
    Case(
        Spec(
            "buckets",
            16,
            {"token_bucket_size": 16, "image_bucket_size": 9, "attn_scale_factor": 1.0},
            {"patch_image_size": 144},
        ),
        PLAIN + ODD[-1:],
    ),
    Case(Spec("imagenet-mean", 17, task={"imagenet_default_mean_and_std": True, "patch_image_size": 128})),
    Case(Spec("prompt", 18, task={"prompt": ' is it so that " {} "?', "patch_image_size": 64}), PLAIN + PREMISES[1:4]),
    Case(Spec("prompt-premise", 19, task={"prompt": ' from " {} " does " {} " follow?'}), PREMISES),
    Case(Spec("truncated", 20, task={"max_src_length": 12, "patch_image_size": 64}), PLAIN + PREMISES + ODD[-3:]),
    Case(Spec("odd-texts", 21, task={"patch_image_size": 64}, answers=ORDERS[1]), ODD),
    Case(Spec("premises", 22, task={"patch_image_size": 80}, answers=ORDERS[2]), PREMISES),
    Case(Spec("full-size", 23, {"encoder_attention_heads": 2}, {"patch_image_size": 480}), PLAIN[2:]),
)
