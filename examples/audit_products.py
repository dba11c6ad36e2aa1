"""Product photos against their descriptions: which articles of a shop show something else than they say?

Draws ten articles into FOLDER, two with a wrong photo and one without any, and audits them. The same by hand:

    veralens audit FOLDER/shop.csv --image-column photo --text-column description \\
        --accept-above 0.8 --reject-above 0.9 -o FOLDER/report.xlsx -o FOLDER/report.html
"""

from __future__ import annotations

import argparse
from pathlib import Path

from examples.audit_drawing import draw_picture, show, write_table
from rerank import EntailmentReranker
from rerank.audit import Columns, Policy, Summary, audit

# (what the description says, what is in the photo)
ARTICLES = (
    ("blue denim jeans", "blue denim jeans"),
    ("a black leather jacket", "a black leather jacket"),
    ("a red checked shirt", "a red checked shirt"),
    ("brown leather shoes", "brown leather shoes"),
    ("a yellow T-shirt", "a pink striped T-shirt"),  # the wrong photo
    ("a purple hoodie", "a purple hoodie"),
    ("white sneakers", "white sneakers"),
    ("a red leather handbag", "an orange backpack"),  # the wrong photo
    ("a grey hat", "a grey hat"),
    ("a green dotted mug", None),  # no photo
)


def run(folder: Path) -> Summary:
    """Draw, write the table, audit."""
    rows = []
    for number, (description, shown) in enumerate(ARTICLES, start=1):
        photo = f"{number:03d}.jpg"
        if shown is not None:
            draw_picture(folder / photo, shown)
        rows.append((f"SKU-{number:03d}", photo, description, f"{9 + number}.90"))
    table = write_table(folder / "shop.csv", ("sku", "photo", "description", "price"), rows)
    with EntailmentReranker.from_pretrained("bundled") as judge:
        return audit(
            table,
            judge,
            [folder / "report.xlsx", folder / "report.html"],
            columns=Columns(image="photo", text="description"),
            policy=Policy(accept_above=0.8, reject_above=0.9),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    show(run(folder), folder)


if __name__ == "__main__":
    main()
