"""Posts against claims: does the picture of a post bear out what is claimed about it?

Each post has an alt text, which goes with its picture as a premise: the claim is held against both together. Some
claims are labelled, so that the report says how often the verdict is right. The same by hand:

    veralens audit FOLDER/posts.csv --image-column picture --text-column claim --premise-column alt_text \\
        --lang zh -o FOLDER/report.xlsx -o FOLDER/report.csv

A premise must say what the picture shows. Chatter ("it rains again") misleads the bundled model: leave it out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from examples.audit_drawing import draw_picture, show, write_table
from rerank import EntailmentReranker
from rerank.audit import Columns, Options, Summary, audit

# (what is in the picture and said by its alt text, the claim, whether it holds)
POSTS = (
    ("a blue denim jacket", "a blue denim jacket", "yes"),
    ("a red dotted dress", "a red dotted dress", "yes"),
    ("a yellow umbrella", "a yellow umbrella", "yes"),
    ("black leather boots", "white sneakers", "no"),
    ("a turquoise suitcase", "a black suitcase", "no"),
    ("a pink skirt", "blue denim jeans", "no"),
    ("a navy coat", "a coat", ""),
    ("a purple checked scarf", "a purple scarf", ""),
)


def run(folder: Path) -> Summary:
    """Draw, write the table, audit."""
    rows = []
    for number, (shown, claim, holds) in enumerate(POSTS, start=1):
        draw_picture(folder / f"post{number}.jpg", shown)
        rows.append((f"post{number}.jpg", shown, claim, holds))
    table = write_table(folder / "posts.csv", ("picture", "alt_text", "claim", "expected"), rows)
    with EntailmentReranker.from_pretrained("bundled") as judge:
        return audit(
            table,
            judge,
            [folder / "report.xlsx", folder / "report.csv"],
            columns=Columns(image="picture", text="claim", premise="alt_text"),
            options=Options(language="zh"),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    summary = run(folder)
    show(summary, folder)
    if summary.accuracy is not None:
        print(f"right on {summary.accuracy:.0%} of {summary.labelled} labelled posts")


if __name__ == "__main__":
    main()
