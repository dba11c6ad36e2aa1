"""From all figures to the model card's: the fusion weight, the table, what is weak."""

from __future__ import annotations

from typing import Any

# Sets on which the weight is chosen: it may push none of them below similarity alone.
GUARDED = ("catalogue, one item", "drawn valid", "named_valid", "tuxpaint", "gcompris")
SETS = {
    "catalogue, one item": "demo catalogue, one item (38 captions)",
    "swapped twins": "demo catalogue, a scene among itself and its twin",
    "drawn unseen": "drawn, unseen combinations",
    "named_test": "emoji, clip-art, recoloured: unseen concepts or pairs",
    "recoloured": "recoloured pictures, unseen pairs",
    "twemoji": "emoji of an unseen vendor, unseen concepts",
    "tuxpaint": "tuxpaint photos",
    "gcompris": "gcompris photos",
}
ACCURACIES = (
    "all three sets of unseen pictures below, equally many of each",
    "one item, unseen combinations",
    "two items, unseen combinations",
    "emoji, clip-art, recoloured: unseen concepts or pairs",
    "emoji of an unseen vendor, unseen concepts",
)


def choose_weight(search: dict[str, Any]) -> float:
    """The largest weight that harms no guarded set; 1.0 where there is no encoder to mix with."""
    if "similarity" not in search[GUARDED[0]]:
        return 1.0
    weights = search[GUARDED[0]]["fused"]
    return max(float(weight) for weight in weights if all(_kept(search[name], weight) for name in GUARDED))


def _kept(found: dict[str, Any], weight: str) -> bool:
    return bool(found["fused"][weight]["R@1"] >= found["similarity"]["R@1"])


def table(figures: dict[str, Any]) -> dict[str, str]:
    """Rows of the model card."""
    rows = {}
    for name in ACCURACIES:
        found = figures[name]
        blanked = f"picture blanked {found['picture blanked']:.3f}, text blanked {found['text blanked']:.3f}"
        rows[f"three-way accuracy: {name}"] = f"{found['accuracy']:.3f} ({blanked}; ECE {found['ece']:.3f})"
    binding = figures["binding"]
    preferred = f"{binding['right caption preferred']:.3f} / {binding['right picture preferred']:.3f}"
    rows["binding: caption against swapped caption / picture against its twin (chance .5)"] = preferred
    for key, name in SETS.items():
        rows[f"R@1: {name}"] = _search_row(figures["search"][key], str(figures["fusion_weight"]))
    for precision, seconds in figures["speed"].items():
        times = f"{seconds['first seen']:.2f} s first seen, {seconds['cached']:.2f} s cached"
        rows[f"100 candidates, {precision}, two shared cores"] = times
    rows["temperature / fusion_weight"] = f"{figures['temperature']} / {figures['fusion_weight']}"
    return rows


def _search_row(found: dict[str, Any], weight: str) -> str:
    reranked = found["reranked"]["R@1"]
    if "similarity" not in found:
        return f"{reranked:.3f} reranked"
    mixed = found["fused"][weight]["R@1"]
    return f"{found['similarity']['R@1']:.3f} similarity, {reranked:.3f} entailment alone, {mixed:.3f} mixed"


def weaknesses(figures: dict[str, Any]) -> list[str]:
    """What a user should know before trusting it, with the figures that show it."""
    binding = figures["binding"]["right picture preferred"]
    named = figures["emoji, clip-art, recoloured: unseen concepts or pairs"]["accuracy"]
    double = figures["two items, unseen combinations"]["contradiction"]
    lines = [
        "Photos: it has seen none. Its verdict on a photo means little, whatever the probability.",
        f"Things it was not trained on: on unseen emoji and clip-art {named:.2f} of its verdicts are right.",
        "Words outside its grammar: abstract queries, verbs, persons, places; counts above two; negation beyond 'no'.",
        "A bare modifier it does not know is not recognised as unverifiable.",
    ]
    if binding < 0.8:
        bound = f"Which of two things has which colour: {binding:.2f} right, chance being .50"
        lines.insert(1, f"{bound}; of false texts about two things it refutes only {double:.2f}.")
    return lines
