"""A scene as a picture: cut, pose and paints drawn from its seed, one stream of chance for each."""

from __future__ import annotations

import colorsys
import io
import math
import random
from collections.abc import Callable

import numpy as np
from PIL import Image

from indexer.samples import accessories, bottoms, footwear, objects, tops
from indexer.samples.backgrounds import backdrop
from indexer.samples.canvas import Fill, Line, Pen, Points
from indexer.samples.painting import Paints, Pose, Sheet, paint_item
from indexer.samples.textures import Field, Rgb, grain, patch, weave
from indexer.samples.types import Item, Scene
from indexer.samples.vocabulary import COLOURS, KINDS

_DRAWERS: dict[str, Callable[[Pen], None]] = {
    "T-shirt": tops.t_shirt,
    "shirt": tops.shirt,
    "tank top": tops.tank_top,
    "sweater": tops.sweater,
    "hoodie": tops.hoodie,
    "jacket": tops.jacket,
    "coat": tops.coat,
    "dress": tops.dress,
    "jeans": bottoms.jeans,
    "trousers": bottoms.trousers,
    "shorts": bottoms.shorts,
    "skirt": bottoms.skirt,
    "socks": bottoms.socks,
    "shoes": footwear.shoes,
    "sneakers": footwear.sneakers,
    "boots": footwear.boots,
    "high heels": footwear.high_heels,
    "flip-flops": footwear.flip_flops,
    "hat": accessories.hat,
    "cap": accessories.cap,
    "beanie": accessories.beanie,
    "scarf": accessories.scarf,
    "tie": accessories.tie,
    "bow tie": accessories.bow_tie,
    "gloves": accessories.gloves,
    "belt": accessories.belt,
    "umbrella": accessories.umbrella,
    "sunglasses": accessories.sunglasses,
    "handbag": objects.handbag,
    "backpack": objects.backpack,
    "suitcase": objects.suitcase,
    "watch": objects.watch,
    "mug": objects.mug,
}
_STIFF = ("suitcase", "mug", "sunglasses", "watch", "belt", "umbrella", "high heels", "flip-flops")
# Width to height of the picture, by layout; a single item's depends on its own shape.
_ASPECTS = {"beside": (4 / 3, 4 / 3, 1), "above": (3 / 4, 3 / 4, 1)}
_TALL, _EVEN, _WIDE = (1, 3 / 4, 3 / 4, 3 / 4), (1, 1, 3 / 4, 4 / 3), (1, 1, 4 / 3, 4 / 3)
Slot = tuple[float, float, float, float]


def draw(scene: Scene, *, size: int = 288) -> Image.Image:
    """The scene as an RGB picture, longest side ``size``; the same scene always gives the same pixels."""
    pixels, _ = _paint(scene, size)
    rng = _chance(scene.seed, "camera")
    tint = np.asarray([rng.uniform(0.985, 1.015) for _ in range(3)], dtype=np.float32) * rng.uniform(0.94, 1.04)
    height, width = pixels.shape[:2]
    noise = patch(grain(50), width, height, rng)
    pixels = pixels * tint + np.float32(rng.uniform(0.5, 4.0)) * noise[..., None]
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return _through_jpeg(picture, rng.randrange(55, 92)) if rng.random() < 0.5 else picture


def regions(scene: Scene, *, size: int = 288) -> list[Field]:
    """For each item, how much of every pixel shows its own finish: (h, w), 0 to 1, aligned with ``draw``."""
    return _paint(scene, size)[1]


def _paint(scene: Scene, size: int) -> tuple[Field, list[Field]]:
    rng = _chance(scene.seed, "frame")
    drawn = [_strokes(item, scene, place) for place, item in enumerate(scene.items)]
    aspect = rng.choice(_ASPECTS[scene.layout] if scene.layout in _ASPECTS else _fitting(drawn[0]))
    width, height = round(size * min(1, aspect)), round(size / max(1, aspect))
    sheet = Sheet(backdrop(scene.background, width, height, rng), np.zeros((height, width), dtype=np.float32))
    found: list[Field] = []
    for place, (item, slot) in enumerate(zip(scene.items, _slots(scene.layout, width, height, rng), strict=True)):
        strokes = drawn[place]
        pose = _pose(strokes, slot, scene, place)
        paints = _paints(item, scene, place, pose.pixels)
        paint_item(sheet, strokes, pose, paints, _chance(scene.seed, "light"))
        found = [earlier * (1 - sheet.region) for earlier in found]
        found.append(sheet.region.copy())
    return sheet.pixels, found


def _fitting(strokes: list[Fill | Line]) -> tuple[float, ...]:
    """Picture shapes in which the item is not lost."""
    width, height = np.ptp(_points(strokes), axis=0)
    return _TALL if height > 1.5 * width else _WIDE if width > 1.25 * height else _EVEN


def _points(strokes: list[Fill | Line]) -> Points:
    return np.concatenate([s.outline if isinstance(s, Fill) else s.path for s in strokes])


def _chance(seed: int, matter: str) -> random.Random:
    """A stream of chance of its own for each matter, so that one never shifts another."""
    return random.Random(f"{seed}/{matter}")  # noqa: S311 (pictures, not secrets)


def _slots(layout: str, width: int, height: int, rng: random.Random) -> list[Slot]:
    share = rng.uniform(0.46, 0.54)
    if layout == "beside":
        return [(0, 0, width * share, height), (width * share, 0, width, height)]
    if layout == "above":
        return [(0, 0, width, height * share), (0, height * share, width, height)]
    return [(0, 0, width, height)]


def _strokes(item: Item, scene: Scene, place: int) -> list[Fill | Line]:
    views = KINDS[item.kind].views
    view = scene.view if scene.view in views else views[0]
    pen = Pen(_chance(scene.seed, f"cut/{place}"), item.finish, view)
    _DRAWERS[item.kind](pen)
    return pen.strokes


def _pose(strokes: list[Fill | Line], slot: Slot, scene: Scene, place: int) -> Pose:
    """Turned, perhaps mirrored, as large as the slot allows less a random margin, anywhere it fits."""
    rng = _chance(scene.seed, f"pose/{place}")
    lean = rng.uniform(12, 26) * rng.choice((1, -1)) if scene.view == "tilted" else rng.uniform(-6, 6)
    if scene.view == "hanging":
        lean *= 0.4
    cos, sin = math.cos(math.radians(lean)), math.sin(math.radians(lean))
    stretch = np.diag([rng.choice((1, -1)) * rng.uniform(0.92, 1.06), 1.0])
    matrix = np.asarray([[cos, -sin], [sin, cos]]) @ stretch
    points = _points(strokes) @ matrix.T
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.asarray([slot[2] - slot[0], slot[3] - slot[1]])
    pixels = float((room / (high - low)).min()) * rng.uniform(0.74, 0.94)
    slack = room - (high - low) * pixels
    corner = np.asarray(slot[:2]) + slack * [rng.uniform(0.25, 0.75), rng.uniform(0.35, 0.65)]
    return Pose(matrix * pixels, corner - low * pixels, pixels)


def _paints(item: Item, scene: Scene, place: int, pixels: float) -> Paints:
    base = _shade(item.colour, scene.seed)
    rng = _chance(scene.seed, f"weave/{place}")
    pale = COLOURS[item.colour].pattern == "light"
    contrast = (244.0, 242.0, 236.0) if pale else (62.0, 58.0, 60.0)
    cloth = weave(item.finish, base, contrast, pixels, rng)
    return Paints(cloth, _flat_paints(item, base, rng), item.kind in _STIFF)


def _shade(colour: str, seed: int) -> Rgb:
    """An exact shade within the colour's ranges, the same wherever the colour goes in the scene."""
    rng, ranges = _chance(seed, f"shade/{colour}"), COLOURS[colour]
    hue = rng.uniform(*ranges.hue) % 360 / 360
    red, green, blue = colorsys.hsv_to_rgb(hue, rng.uniform(*ranges.saturation), rng.uniform(*ranges.value))
    return red * 255, green * 255, blue * 255


def _scaled(colour: Rgb, factor: float, lift: float = 0.0) -> Rgb:
    red, green, blue = (min(255.0, c * factor + lift) for c in colour)
    return red, green, blue


def _flat_paints(item: Item, base: Rgb, rng: random.Random) -> dict[str, Rgb]:
    luma = 0.3 * base[0] + 0.59 * base[1] + 0.11 * base[2]
    dark, light = luma < 58, luma > 200
    neutral = _scaled((216, 212, 205), 1) if dark else (44.0, 42.0, 44.0)
    warm = item.colour in ("orange", "yellow", "brown", "beige")
    denim_thread = (236.0, 226.0, 200.0) if warm else (214.0, 140.0, 48.0)
    thread = _scaled(base, 0.72) if luma > 140 else _scaled(base, 1.0, 62)
    white = _scaled((238, 236, 230), 0.86 if light else 1.0)
    return {
        "trim": _scaled(base, 0.88),
        "inside": _scaled(base, 0.6, 22) if dark else _scaled(base, 0.52),
        "seam": _scaled(base, 1.0, 58) if dark else _scaled(base, 0.55),
        "fold": _scaled(base, 1.0, 50) if dark else _scaled(base, 0.45),
        "stitch": denim_thread if item.finish == "denim" else thread,
        "metal": rng.choice(((186.0, 188.0, 192.0), (186.0, 188.0, 192.0), (198.0, 168.0, 102.0))),
        "button": rng.choice((neutral, (232.0, 228.0, 218.0))),
        "sole": white,
        "heel": _scaled((66, 56, 50), 1.0) if dark else (44.0, 38.0, 36.0),
        "lace": neutral if dark else _scaled(base, 0.4),
        "laces": _scaled(white, 0.84) if light else white,
        "cord": _scaled(base, 0.62) if light else white,
        "band": base,
        "strap": neutral,
        "ribbon": neutral,
        "glass": (70.0, 76.0, 84.0) if dark else (36.0, 38.0, 44.0),
        "glint": (158.0, 164.0, 172.0),
        "face": (246.0, 245.0, 240.0),
        "wood": (150.0, 122.0, 92.0),
        "mannequin": (206.0, 200.0, 192.0),
        "coffee": (58.0, 40.0, 30.0),
    }


def _through_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")
