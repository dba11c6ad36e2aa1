"""``veralens models``: which models are here, and how to get the others."""

from __future__ import annotations

from typing import Any

from api import console
from api.commands import options

REMEDY = "fetched on first use; without a network: `modelscope download --model NAME --local_dir DIR`, then name DIR"
REINSTALL = "it belongs to the package: install veralens again"


def models(as_json: options.Json = False) -> None:
    """List the models, and which of them are here."""
    from rerank.weights import BUNDLED, KNOWN_MODELS, find_local
    from retrieval.presets import PRESETS

    presets = [
        {"name": name, "encoder": one.encoder, "reranker": one.reranker, "note": one.note}
        for name, one in PRESETS.items()
    ]
    rerankers: list[dict[str, Any]] = []
    for known in KNOWN_MODELS:
        found = find_local(known.name)
        rerankers.append(
            {
                "name": known.name,
                "parameters": known.parameters,
                "note": known.note,
                "path": str(found) if found else None,
            }
        )
    if as_json:
        console.document({"presets": presets, "rerankers": rerankers})
        return
    console.print_out("Presets (--models)")
    for preset in presets:
        console.print_out(f"  {preset['name']:<10}{preset['note']}")
        console.print_out(f"  {'':<10}encoder {preset['encoder']}, reranker {preset['reranker']}")
    console.print_out("\nRerankers (--reranker)")
    for model in rerankers:
        console.print_out(f"  {model['name']}  ({model['parameters']}): {model['note']}")
        missing = REINSTALL if model["name"] == BUNDLED else REMEDY
        console.print_out(f"      {'here: ' + model['path'] if model['path'] else 'not here: ' + missing}")
