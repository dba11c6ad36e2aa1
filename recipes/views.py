"""Views of a picture to train on: other backgrounds, slight crops, flips, less detail; never other colours."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from recipes.architecture import IMAGE_SIZE

PALE = ((255, 255, 255), (240, 240, 240), (225, 225, 230), (250, 245, 230), (230, 240, 250), (200, 200, 200))
STRONG = ((40, 40, 45), (120, 120, 125), (200, 180, 150), (150, 180, 150), (150, 170, 200), (210, 170, 180))


def square(image: Image.Image) -> Image.Image:
    """Longest side to IMAGE_SIZE, the rest white: what the shipped preprocessing does."""
    scale = IMAGE_SIZE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.BICUBIC)
    canvas = Image.new("RGB", (IMAGE_SIZE, IMAGE_SIZE), "white")
    canvas.paste(image, ((IMAGE_SIZE - size[0]) // 2, (IMAGE_SIZE - size[1]) // 2))
    return canvas


def to_array(image: Image.Image) -> np.ndarray:
    """uint8 (3, IMAGE_SIZE, IMAGE_SIZE)."""
    return np.ascontiguousarray(np.asarray(square(image)).transpose(2, 0, 1))


def normalised(arrays: np.ndarray) -> torch.Tensor:
    """uint8 to the model's range, mean = std = 0.5."""
    return torch.from_numpy(arrays).float().div_(127.5).sub_(1.0)


def varied(image: Image.Image, alpha: Image.Image | None, rng: random.Random, *, flip: bool = True) -> Image.Image:
    """One random view."""
    if alpha is not None and rng.random() < 0.3:  # turned a little; the corners that appear are white or masked
        angle = rng.uniform(-15, 15)
        image = image.rotate(angle, Image.Resampling.BILINEAR, fillcolor="white")
        alpha = alpha.rotate(angle, Image.Resampling.BILINEAR)
    if alpha is not None and rng.random() < 0.6:
        background = Image.new("RGB", image.size, rng.choice(PALE if rng.random() < 0.6 else STRONG))
        image = Image.composite(image, background, alpha)
    if flip and rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < 0.45:  # as small as the emoji and thumbnails people have
        small = rng.randint(56, 120)
        image = image.resize((small, max(1, small * image.height // image.width)), Image.Resampling.BILINEAR)
    return moved(image, rng)


def moved(image: Image.Image, rng: random.Random) -> Image.Image:
    """Cropped by up to a tenth, or given a margin of up to three quarters in the colour of its corner."""
    width, height = image.size
    if rng.random() < 0.4:
        left, top = rng.uniform(0, 0.1) * width, rng.uniform(0, 0.1) * height
        box = (round(left), round(top), round(width * rng.uniform(0.9, 1)), round(height * rng.uniform(0.9, 1)))
        return image.crop(box)
    most = 1.25 if rng.random() < 0.7 else 1.75
    grown = (round(width * rng.uniform(1, most)), round(height * rng.uniform(1, most)))
    corner = image.getpixel((0, 0))
    canvas = Image.new("RGB", grown, corner)
    canvas.paste(image, (rng.randint(0, grown[0] - width), rng.randint(0, grown[1] - height)))
    return canvas


def load(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def load_mask(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("L")
