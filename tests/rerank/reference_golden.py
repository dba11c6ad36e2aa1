"""Write ``tests/data/ofa-parity.json``: the reference implementation's probabilities for ``CASES``.

Run by a Python that has the reference (see benchmarks/README.md), from the root of the project:
``/opt/ofa-reference/bin/python -m tests.rerank.reference_golden --write``. Without ``--write`` it only compares.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from PIL import Image

from benchmarks.reference import Reference
from tests.rerank.parity_cases import CASES, Case, picture
from tests.rerank.random_models import TOKENIZER, write_model

GOLDEN = Path(__file__).parent.parent / "data" / "ofa-parity.json"
# The same code on another processor.
ALIKE = 1e-6
PACKAGES = ("modelscope", "transformers", "torch", "torchvision", "numpy", "pillow")


def check_harness() -> float:
    """The largest difference from the small model's golden file, which somebody else's harness has made."""
    reference = Reference(TOKENIZER)
    known = json.loads((TOKENIZER / "golden.json").read_text())
    found = [
        reference.probabilities(Image.open(TOKENIZER / pair["image"]), pair["text"], pair.get("text2"))
        for pair in known
    ]
    return largest_difference(found, [[pair["yes"], pair["maybe"], pair["no"]] for pair in known])


def probabilities(case: Case) -> list[list[float]]:
    """Yes, maybe and no for each question of ``case``."""
    with tempfile.TemporaryDirectory() as folder:
        reference = Reference(write_model(Path(folder), case.spec))
        rows = [reference.probabilities(picture(name), text, premise) for name, text, premise in case.questions]
    return [[round(value, 8) for value in row] for row in rows]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"replace {GOLDEN.name}")
    write = parser.parse_args().write
    worst = check_harness()
    print(f"golden.json is met to {worst:.1e}", file=sys.stderr)
    if worst > ALIKE:
        return 1
    known: dict[str, list[list[float]]] = {} if write else json.loads(GOLDEN.read_text())["probabilities"]
    found = {}
    for case in CASES:
        name = case.spec.name
        found[name] = probabilities(case)
        gap = 0.0 if write else largest_difference(found[name], known[name])
        worst = max(worst, gap)
        print(f"{name:18} {len(found[name]):3} pairs" + ("" if write else f", differs by {gap:.1e}"), file=sys.stderr)
    if write:
        made = {"made_with": {package: version(package) for package in PACKAGES}, "probabilities": found}
        # One pair a line, so that a change can be read.
        GOLDEN.write_text(json.dumps(made).replace("]], ", "]],\n").replace("], [", "],\n[") + "\n")
    return int(worst > ALIKE)


def largest_difference(some: list[list[float]], others: list[list[float]]) -> float:
    pairs = zip(some, others, strict=True)
    return max(abs(one - other) for row, same in pairs for one, other in zip(row, same, strict=True))


if __name__ == "__main__":
    sys.exit(main())
