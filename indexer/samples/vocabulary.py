"""What the drawn catalogue can show: kinds of things, colours, finishes and backgrounds, as plain tables."""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Kind:
    """A garment or an accessory: its words, and the finishes and views it may be drawn with."""

    name: str
    category: str
    finishes: tuple[str, ...]
    views: tuple[str, ...]
    hypernyms: tuple[str, ...]
    synonyms: tuple[str, ...] = ()
    plural: bool = False


@dataclass(frozen=True)
class Colour:
    """A colour a person would always name so: ranges of hue (degrees), saturation and value (0 to 1)."""

    name: str
    hue: Range
    saturation: Range
    value: Range
    synonyms: tuple[str, ...] = ()
    pattern: str = "light"  # tone of stripes, dots and flowers on it


@dataclass(frozen=True)
class Finish:
    """A material or a pattern; ``spoken`` is the adjective in a caption, empty for the plain finish."""

    name: str
    spoken: str
    synonyms: tuple[str, ...] = ()
    material: bool = False


@dataclass(frozen=True)
class Background:
    """What lies behind an item; ``avoid`` names the item colours that would not stand out from it."""

    name: str
    phrase: str
    avoid: tuple[str, ...] = ()


_PATTERNS = ("striped", "dotted", "checked", "floral")
_TOP = ("front", "tilted", "hanging", "mannequin")
_BOTTOM = ("front", "tilted", "hanging", "folded")
_SHOE = ("side", "pair", "tilted")
_PLAIN = ("front", "tilted")
_CLOTHES = ("clothing", "clothes", "garment")
_UPPER = ("top", *_CLOTHES)
_FOOT = ("footwear",)
_EXTRA = ("accessory",)

_KIND_LIST = (
    Kind("T-shirt", "top", ("plain", *_PATTERNS), _TOP, _UPPER, ("tee", "tee shirt")),
    Kind("shirt", "top", ("plain", "denim", *_PATTERNS), _TOP, _UPPER, ("button-up shirt", "dress shirt")),
    Kind("tank top", "top", ("plain", "striped", "dotted", "floral", "knitted"), _TOP, _UPPER, ("sleeveless top",)),
    Kind("sweater", "top", ("knitted", "striped", "checked", "dotted"), _TOP, _UPPER, ("jumper", "pullover")),
    Kind("hoodie", "top", ("plain", "striped", "fluffy", "floral"), _TOP, _UPPER, ("hooded sweatshirt",)),
    Kind("jacket", "outerwear", ("plain", "denim", "leather", "quilted", "fluffy"), _TOP, ("outerwear", *_CLOTHES)),
    Kind(
        "coat",
        "outerwear",
        ("plain", "checked", "leather", "fluffy", "quilted"),
        _TOP,
        ("outerwear", *_CLOTHES),
        ("overcoat",),
    ),
    Kind("dress", "dress", ("plain", "denim", "knitted", *_PATTERNS), _TOP, _CLOTHES, ("gown", "frock")),
    Kind("jeans", "bottom", ("denim",), _BOTTOM, ("trousers", "pants", "clothing", "clothes"), (), True),
    Kind(
        "trousers",
        "bottom",
        ("plain", "striped", "checked", "leather"),
        _BOTTOM,
        ("clothing", "clothes"),
        ("pants", "slacks"),
        True,
    ),
    Kind(
        "shorts",
        "bottom",
        ("plain", "denim", "leather", *_PATTERNS),
        ("front", "tilted", "hanging"),
        ("clothing", "clothes"),
        ("short trousers",),
        True,
    ),
    Kind("skirt", "bottom", ("plain", "denim", "leather", *_PATTERNS), ("front", "tilted", "hanging"), _CLOTHES),
    Kind(
        "socks",
        "legwear",
        ("plain", "knitted", "striped", "dotted", "fluffy"),
        ("pair", "tilted"),
        ("clothing", "legwear", "hosiery"),
        (),
        True,
    ),
    Kind("shoes", "footwear", ("plain", "leather", "checked"), _SHOE, _FOOT, ("lace-up shoes", "oxford shoes"), True),
    Kind(
        "sneakers",
        "footwear",
        ("plain", "denim", "leather", "checked", "floral", "dotted"),
        _SHOE,
        ("shoes", *_FOOT),
        ("trainers", "running shoes"),
        True,
    ),
    Kind("boots", "footwear", ("plain", "leather", "fluffy", "knitted", "floral"), _SHOE, _FOOT, ("high boots",), True),
    Kind(
        "high heels",
        "footwear",
        ("plain", "leather", "dotted", "floral"),
        _SHOE,
        ("shoes", *_FOOT),
        ("stilettos", "pumps"),
        True,
    ),
    Kind(
        "flip-flops",
        "footwear",
        ("plain", "striped", "dotted", "floral"),
        ("pair", "tilted"),
        ("sandals", *_FOOT),
        ("thongs",),
        True,
    ),
    Kind(
        "hat",
        "headwear",
        ("plain", "leather", "denim", "checked", "dotted", "fluffy"),
        _PLAIN,
        ("headwear", *_EXTRA),
        ("brimmed hat", "fedora"),
    ),
    Kind(
        "cap",
        "headwear",
        ("plain", "denim", "leather", "checked", "floral", "dotted"),
        ("side", "tilted"),
        ("headwear", *_EXTRA),
        ("baseball cap",),
    ),
    Kind(
        "beanie",
        "headwear",
        ("knitted", "striped", "fluffy"),
        _PLAIN,
        ("headwear", "hat", *_EXTRA),
        ("woolly hat", "bobble hat"),
    ),
    Kind("scarf", "neckwear", ("plain", "knitted", "fluffy", *_PATTERNS), _PLAIN, _EXTRA, ("shawl",)),
    Kind("tie", "neckwear", ("plain", "knitted", *_PATTERNS), _PLAIN, _EXTRA, ("necktie",)),
    Kind("bow tie", "neckwear", ("plain", "leather", *_PATTERNS), _PLAIN, _EXTRA, ("dicky bow",)),
    Kind(
        "gloves",
        "handwear",
        ("plain", "leather", "knitted", "fluffy"),
        ("pair", "tilted"),
        ("handwear", "accessories"),
        (),
        True,
    ),
    Kind("belt", "accessory", ("plain", "leather", "denim", "striped", "checked"), _PLAIN, _EXTRA),
    Kind(
        "handbag",
        "bag",
        ("plain", "leather", "denim", "quilted", "knitted", *_PATTERNS),
        _PLAIN,
        ("bag", *_EXTRA),
        ("purse",),
    ),
    Kind(
        "backpack", "bag", ("plain", "leather", "denim", "quilted", *_PATTERNS), _PLAIN, ("bag", *_EXTRA), ("rucksack",)
    ),
    Kind(
        "suitcase",
        "bag",
        ("plain", "leather", "striped", "checked", "dotted", "floral"),
        _PLAIN,
        ("luggage", "bag"),
        ("travel case",),
    ),
    Kind("umbrella", "accessory", ("plain", *_PATTERNS), ("front", "tilted"), _EXTRA, ("parasol",)),
    Kind("sunglasses", "eyewear", ("plain", "striped", "dotted"), _PLAIN, ("eyewear", "glasses"), ("shades",), True),
    Kind("watch", "accessory", ("plain", "leather", "denim", "striped"), _PLAIN, _EXTRA, ("wristwatch",)),
    Kind("mug", "object", ("plain", *_PATTERNS), _PLAIN, ("cup", "crockery"), ("coffee mug",)),
)

_COLOUR_LIST = (
    Colour("black", (0, 360), (0.0, 0.08), (0.10, 0.16), ("jet black",)),
    Colour("white", (30, 60), (0.0, 0.03), (0.96, 1.0), ("snow white",), "dark"),
    Colour("grey", (200, 230), (0.0, 0.04), (0.48, 0.58), ("gray",)),
    Colour("red", (355, 363), (0.80, 0.92), (0.74, 0.88), ("scarlet", "crimson")),
    Colour("orange", (22, 28), (0.86, 0.98), (0.94, 1.0), ("tangerine",)),
    Colour("yellow", (49, 54), (0.76, 0.92), (0.95, 1.0), ("lemon yellow",), "dark"),
    Colour("green", (118, 145), (0.60, 0.82), (0.44, 0.62), ("emerald green",)),
    Colour("turquoise", (173, 181), (0.62, 0.80), (0.72, 0.82), ("teal", "aqua")),
    Colour("blue", (212, 222), (0.68, 0.84), (0.70, 0.86), ("cobalt blue",)),
    Colour("navy", (226, 234), (0.66, 0.78), (0.27, 0.34), ("navy blue", "dark blue")),
    Colour("purple", (272, 284), (0.56, 0.74), (0.48, 0.64), ("violet",)),
    Colour("pink", (332, 344), (0.36, 0.52), (0.95, 1.0), ("rose",)),
    Colour("brown", (20, 26), (0.58, 0.70), (0.38, 0.46), ("chocolate brown",)),
    Colour("beige", (35, 41), (0.23, 0.30), (0.84, 0.90), ("sand-coloured", "tan"), "dark"),
)

_FINISH_LIST = (
    Finish("plain", ""),
    Finish("denim", "denim", ("jean fabric",), True),
    Finish("leather", "leather", (), True),
    Finish("knitted", "knitted", ("knit", "woollen"), True),
    Finish("fluffy", "fluffy", ("furry", "fuzzy"), True),
    Finish("quilted", "quilted", ("padded",), True),
    Finish("striped", "striped", ("stripy",)),
    Finish("dotted", "dotted", ("polka-dot", "spotted")),
    Finish("checked", "checked", ("plaid", "chequered")),
    Finish("floral", "floral", ("flowered", "flowery")),
)

_BACKGROUND_LIST = (
    Background("white", "on a white background", ("white",)),
    Background("light grey", "on a light grey background", ("white", "grey")),
    Background("dark", "on a dark background", ("black", "navy", "grey", "brown")),
    Background("tinted", "on a coloured background", ("beige", "white", "grey")),
    Background("gradient", "on a soft gradient", ("grey",)),
    Background("wooden table", "on a wooden table", ("brown", "beige", "orange")),
    Background("grass", "on the grass", ("green", "black", "turquoise")),
    Background("tiles", "against a tiled wall", ("white", "grey")),
    Background("shelf", "in a shop", ("white", "beige", "grey", "brown")),
    Background("bed", "on a bed sheet", ("white", "beige")),
    Background("pavement", "on the pavement", ("grey", "black")),
    Background("room", "in a room", ("grey", "beige", "white")),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _KIND_LIST}
COLOURS: dict[str, Colour] = {colour.name: colour for colour in _COLOUR_LIST}
FINISHES: dict[str, Finish] = {finish.name: finish for finish in _FINISH_LIST}
BACKGROUNDS: dict[str, Background] = {background.name: background for background in _BACKGROUND_LIST}

# Kinds that a person might call by each other's name: neither proves nor disproves the other.
NEAR: dict[str, tuple[str, ...]] = {
    "T-shirt": ("shirt", "tank top"),
    "shirt": ("T-shirt", "jacket"),
    "tank top": ("T-shirt", "shirt"),
    "sweater": ("hoodie", "T-shirt"),
    "hoodie": ("sweater", "jacket"),
    "jacket": ("coat", "hoodie", "shirt"),
    "coat": ("jacket",),
    "jeans": ("trousers",),
    "trousers": ("jeans",),
    "shoes": ("sneakers", "boots", "high heels", "flip-flops"),
    "sneakers": ("shoes",),
    "boots": ("shoes",),
    "high heels": ("shoes",),
    "flip-flops": ("shoes",),
    "hat": ("cap", "beanie"),
    "cap": ("hat",),
    "beanie": ("hat", "cap"),
    "tie": ("bow tie",),
    "bow tie": ("tie",),
    "handbag": ("backpack", "suitcase"),
    "backpack": ("handbag",),
    "suitcase": ("handbag",),
}
