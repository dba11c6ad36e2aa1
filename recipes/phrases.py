"""The texts the text tower is distilled on: WordNet's nouns and glosses, and phrases composed of them.

No caption of any picture is used here, so nothing of an evaluation set can leak in.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from recipes.wordnet import COLOURABLE, CONCRETE, Synset, read_nouns

COLOURS = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey", "gray",
    "dark blue", "light blue", "navy", "turquoise", "teal", "beige", "cream", "maroon", "olive", "gold",
    "golden", "silver", "violet", "crimson", "lime green", "dark green", "light green", "dark red", "tan",
    "khaki", "lavender", "magenta", "cyan", "burgundy", "mustard", "coral", "bright red", "pale blue",
)  # fmt: skip
MATERIALS = (
    "denim", "leather", "cotton", "wool", "woolen", "silk", "linen", "velvet", "suede", "knitted", "lace",
    "corduroy", "canvas", "satin", "nylon", "fur", "straw", "wooden", "metal", "plastic", "glass", "paper",
    "stone", "rubber", "ceramic", "fleece", "tweed", "quilted", "felt", "steel", "brass", "wicker",
)  # fmt: skip
PATTERNS = (
    "striped", "plaid", "polka dot", "checked", "floral", "plain", "spotted", "dotted", "tartan",
    "patterned", "camouflage", "zigzag", "herringbone", "horizontally striped", "with white dots",
)  # fmt: skip
GARMENTS = (
    "jeans", "trousers", "pants", "shorts", "leggings", "skirt", "pleated skirt", "mini skirt", "dress",
    "evening gown", "t-shirt", "tee", "shirt", "blouse", "polo shirt", "tank top", "sweater", "jumper",
    "pullover", "cardigan", "hoodie", "sweatshirt", "jacket", "denim jacket", "leather jacket", "bomber jacket",
    "blazer", "suit", "vest", "waistcoat", "coat", "trench coat", "raincoat", "parka", "puffer jacket",
    "poncho", "cape", "scarf", "shawl", "tie", "bow tie", "belt", "gloves", "mittens", "socks", "stockings",
    "tights", "hat", "cap", "baseball cap", "beanie", "bucket hat", "sun hat", "fedora", "beret", "top hat",
    "sunglasses", "glasses", "watch", "wristwatch", "bracelet", "necklace", "ring", "earrings", "handbag",
    "bag", "tote bag", "backpack", "rucksack", "purse", "wallet", "clutch", "suitcase", "umbrella", "sneakers",
    "trainers", "running shoes", "boots", "ankle boots", "rain boots", "sandals", "flip flops", "high heels",
    "loafers", "slippers", "ballet flats", "swimsuit", "bikini", "swim trunks", "pyjamas", "robe", "apron",
    "overalls", "dungarees", "jumpsuit", "kimono", "sari", "uniform", "underwear", "bra", "headband",
)  # fmt: skip
THINGS = (
    "apple", "banana", "car", "cup", "mug", "chair", "sofa", "table", "lamp", "bicycle", "bus", "boat", "house",
    "flower", "rose", "tulip", "heart", "star", "circle", "square", "triangle", "ball", "balloon", "book", "bottle",
    "box", "phone", "pen", "pencil", "clock", "key", "bird", "fish", "butterfly", "cat", "dog", "horse", "flag",
    "bell", "candle", "cake", "ice cream", "pepper", "tomato", "tree", "leaf", "mushroom", "guitar", "drum",
)  # fmt: skip
COUNTS = ("a", "one", "two", "three", "four", "five", "many", "a pair of", "a stack of", "a single", "several")
BACKGROUNDS = (
    "on a white background", "on a grey background", "on a wooden floor", "hanging on a wall", "on a hanger",
    "on a table", "on a bed", "seen from the front", "seen from the side", "folded", "worn by a person", "outdoors",
)  # fmt: skip
FRAMES = (
    "{}", "{}", "{}", "a photo of {}", "a picture of {}", "a drawing of {}", "an image of {}", "a cartoon of {}",
    "an icon of {}", "product photo of {}", "{} emoji", "clip art of {}",
)  # fmt: skip


def with_article(noun: str) -> str:
    """`noun` with a or an; plurals and pairs stay bare."""
    if noun.endswith("s") and not noun.endswith(("ss", "us")):
        return noun
    return ("an " if noun[0].lower() in "aeiou" else "a ") + noun


def item(rng: random.Random, nouns: Sequence[str]) -> str:
    """A noun with up to three attributes: "navy corduroy trousers", "striped scarf"."""
    pool = rng.choices((GARMENTS, THINGS, nouns), (5, 2, 3))[0]
    parts = []
    if rng.random() < 0.85:
        parts.append(rng.choice(COLOURS))
    if rng.random() < 0.2:
        parts.append(rng.choice(PATTERNS))
    if rng.random() < 0.35:
        parts.append(rng.choice(MATERIALS))
    return " ".join([*parts, rng.choice(pool)])


def two_items(rng: random.Random, nouns: Sequence[str]) -> str:
    link = rng.choice((" and ", " and ", " next to ", " with ", " left of ", " above "))
    return with_article(item(rng, nouns)) + link + with_article(item(rng, nouns))


def composed(rng: random.Random, nouns: Sequence[str]) -> str:
    """One composed phrase: an item, counted, placed, framed, or two of them."""
    makers: tuple[Callable[[], str], ...] = (
        lambda: item(rng, nouns),
        lambda: with_article(item(rng, nouns)),
        lambda: rng.choice(FRAMES).format(with_article(item(rng, nouns))),
        lambda: f"{with_article(item(rng, nouns))} {rng.choice(BACKGROUNDS)}",
        lambda: f"{rng.choice(COUNTS)} {item(rng, nouns)}",
        lambda: two_items(rng, nouns),
    )
    return rng.choices(makers, (4, 4, 3, 2, 1, 4))[0]()


def noun_phrases(synset: Synset, nouns: dict[int, Synset], rng: random.Random) -> list[str]:
    """The names of a noun bare and framed, its gloss, and what it is a kind of."""
    # Latin species names and people's names are a quarter of WordNet's nouns and of little use to a searcher.
    words = [word for word in synset.words if word.islower()]
    if not words:
        return []
    texts = [*words[:3], rng.choice(FRAMES[3:]).format(with_article(rng.choice(words)))]
    if synset.gloss:
        texts.append(synset.gloss)
    for parent in synset.hypernyms[:1]:
        texts.append(f"{words[0]}, a kind of {nouns[parent].words[0]}")
    return texts


def distillation_texts(wordnet: Path, *, composed_count: int, seed: int) -> list[str]:
    """All texts, shuffled and distinct; about 120,000 of them come from WordNet."""
    rng = random.Random(seed)
    nouns = read_nouns(wordnet)
    concrete = [synset for synset in nouns.values() if synset.category in CONCRETE]
    texts = {text for synset in concrete for text in noun_phrases(synset, nouns, rng)}
    abstract = sorted({s.words[0] for s in nouns.values() if s.category not in CONCRETE and s.words[0].islower()})
    texts |= set(rng.sample(abstract, 20_000))
    plain = [s.words[0] for s in concrete if s.category in COLOURABLE and s.words[0].isalpha() and s.words[0].islower()]
    texts |= {composed(rng, plain) for _ in range(composed_count)}
    ordered = sorted(texts)
    rng.shuffle(ordered)
    return ordered
