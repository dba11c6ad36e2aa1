"""``veralens mine``: the rows that the reranker is unsure or wrong about, to be labelled and learnt from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api import console, pair_options
from api.commands import options


def mine(
    table: Annotated[Path, typer.Argument(metavar="DATA.csv", help="Pairs, labelled or not.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="HARD.csv", help="Where they go.")],
    below: Annotated[
        float, typer.Option(metavar="P", min=0.0, max=1.0, help="Unsure is a confidence below this.")
    ] = 0.6,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="The hardest of them as a contact sheet.")
    ] = None,
    images: pair_options.Images = None,
    image_column: pair_options.ImageColumn = "image_path",
    premise_column: pair_options.PremiseColumn = "premise",
    hypothesis_column: pair_options.HypothesisColumn = "hypothesis",
    label_column: pair_options.LabelColumn = "label",
    models: options.Models = None,
    reranker: options.Reranker = None,
    adapter: options.Adapter = None,
    as_json: options.Json = False,
) -> None:
    """Find what the reranker is unsure or wrong about.

    Writes a table that `finetune` reads, the hardest rows first; fill in the labels that are empty.
    """
    from rerank.finetune import mining
    from rerank.finetune.contact_sheet import write_sheet
    from rerank.finetune.evaluation import judge
    from rerank.finetune.pairs import Columns

    pair_options.check_output(output, (".csv",))
    if sheet is not None:
        pair_options.check_output(sheet, (".png",))
    columns = Columns(image_column, premise_column, hypothesis_column, label_column)
    read = pair_options.read_table(table, columns, images, labelled=False)
    pair_options.check_usable(read)
    settings = options.settings_for(models=models, reranker=reranker, adapter=adapter)
    with options.loaded_reranker(settings) as judging, console.progress("judging") as progress:
        judged = judge(judging, read, progress)
    found = mining.mine(judged, below)
    mining.write_hard(found, read, output)
    if sheet is not None:
        write_sheet([(one.pair, one.predicted, one.confidence) for one in found], sheet, "no row is hard")
    pair_options.note_problems(judged.problems)
    counts = mining.summary(judged, found)
    if as_json:
        problems = [{"line": one.line, "reason": one.reason} for one in judged.problems]
        console.document({"output": str(output), **counts, "problems": problems})
        return
    console.fields([(name, str(count)) for name, count in counts.items()])
    console.note(f"written: {output}")
