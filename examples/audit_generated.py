"""Generated images against their prompts: which attempt shows what was asked for?

Stands in for an image generator with our own drawing code, which here makes wide pictures and gets half of the prompts
wrong. Wide pictures are letterboxed rather than squeezed. The same by hand:

    veralens audit FOLDER/attempts.jsonl --image-column file --text-column prompt --prepare letterbox \\
        -o FOLDER/report.jsonl -o FOLDER/report.html
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from PIL import Image, ImageOps

from examples.audit_drawing import draw_picture, show
from rerank import EntailmentReranker
from rerank.audit import Columns, Options, Summary, audit

PROMPTS = ("a red knitted sweater", "a black umbrella", "orange striped socks", "a blue dotted tie")
# What the generator makes of each prompt, seed by seed.
MADE = {
    "a red knitted sweater": ("a red knitted sweater", "a green striped sweater", "a red knitted sweater"),
    "a black umbrella": ("a yellow umbrella", "a yellow umbrella", "a turquoise suitcase"),
    "orange striped socks": ("orange striped socks", "orange striped socks", "brown leather gloves"),
    "a blue dotted tie": ("a blue dotted tie", "a blue dotted tie", "a blue cap"),
}


def run(folder: Path) -> Summary:
    """Generate, write the table, audit."""
    lines = []
    for prompt in PROMPTS:
        for seed, made in enumerate(MADE[prompt]):
            name = f"{prompt.replace(' ', '_')}-{seed}.png"
            draw_picture(folder / name, made, seed)
            with Image.open(folder / name) as image:
                ImageOps.pad(image, (528, 352), color="white").save(folder / name)
            lines.append(json.dumps({"file": name, "prompt": prompt, "seed": seed}))
    table = folder / "attempts.jsonl"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with EntailmentReranker.from_pretrained("bundled") as judge:
        return audit(
            table,
            judge,
            [folder / "report.jsonl", folder / "report.html"],
            columns=Columns(image="file", text="prompt"),
            options=Options(prepare="letterbox"),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    show(run(folder), folder)


if __name__ == "__main__":
    main()
