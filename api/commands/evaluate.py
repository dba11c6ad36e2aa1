"""``veralens evaluate``: how good a collection's answers are, or, without one, a model's verdicts on labelled pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api import console, pair_options
from api.commands import options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from api.evaluations import Outputs, Requirement
    from api.settings import Settings
    from retrieval import SearchEngine
    from retrieval.evaluation import Columns, Judgements, Report

SHOWN_PROBLEMS = 20
CollectionOption = Annotated[
    Path | None, typer.Option("--collection", "-c", metavar="DIR", help="The collection to search.")
]
Require = Annotated[
    list[str] | None,
    typer.Option(
        "--require", metavar="[SET:]METRIC=VALUE", help="Exit 1 if it is less: r@1=0.9, accuracy=0.9. May be repeated."
    ),
]
Plot = Annotated[Path | None, typer.Option("--plot", metavar="FILE", help="Draw the figures: .png, .svg or .pdf.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write a report: .md or .json.")]
Sample = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Ask at most N queries of each data set, drawn at random.")
]
Images = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where the table's paths begin.  (default: beside the table)")
]
Against = Annotated[
    str | None,
    typer.Option(metavar="MODEL", help="Labelled pairs: compare with this model; `base` is the adapter's own."),
]
Worst = Annotated[Path | None, typer.Option(metavar="FILE.png", help="Labelled pairs: a contact sheet of the worst.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 if a row could not be used.")]


def evaluate(
    table: Annotated[
        Path,
        typer.Argument(metavar="DATA.csv", help="With -c a table of image and caption; without, of labelled pairs."),
    ],
    collection: CollectionOption = None,
    candidates: Annotated[int, typer.Option(metavar="N", help="How many images of each query are looked at.")] = 100,
    no_rerank: Annotated[bool, typer.Option("--no-rerank", help="Measure similarity alone.")] = False,
    fusion_weight: Annotated[
        float | None,
        typer.Option(metavar="W", min=0.0, max=1.0, help="1 orders by entailment alone, 0 by similarity."),
    ] = None,
    plot: Plot = None,
    output: Output = None,
    require: Require = None,
    strict: Strict = False,
    images: Images = None,
    image_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The column of paths or image ids.  (default: image; for pairs image_path)"),
    ] = None,
    caption_column: Annotated[str, typer.Option(metavar="NAME", help="The column of queries.")] = "caption",
    set_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Report by this column.  (default: set or dataset)")
    ] = None,
    relevance_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The column of grades.  (default: relevance)")
    ] = None,
    sample: Sample = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the sample and the intervals.")] = 0,
    against: Against = None,
    worst: Worst = None,
    premise_column: pair_options.PremiseColumn = "premise",
    hypothesis_column: pair_options.HypothesisColumn = "hypothesis",
    label_column: pair_options.LabelColumn = "label",
    models: options.Models = None,
    encoder: options.Encoder = None,
    reranker: options.Reranker = None,
    adapter: options.Adapter = None,
    as_json: options.Json = False,
) -> None:
    """Measure how well a collection is searched, or how good verdicts are.

    With -c, asks every caption of a table as a query, and compares the order by similarity with the reranked one: R@1,
    R@5, R@10, MRR and nDCG@10. Without, judges a table of labelled pairs (image_path, premise, hypothesis, label):
    accuracy, precision, recall, F1 and calibration. Each figure has its 95 % confidence interval.
    """
    from api.evaluations import Outputs, Requirement
    from retrieval.evaluation import Columns
    from retrieval.evaluation import evaluate as measure

    settings = options.settings_for(collection, models, encoder, reranker, adapter=adapter)
    if collection is None:
        given = {"sample": sample, "no_rerank": no_rerank, "relevance_column": relevance_column,
                 "set_column": set_column, "fusion_weight": fusion_weight}  # fmt: skip
        _refuse(given, "name a collection with -c for it")
        names = (image_column or "image_path", premise_column, hypothesis_column, label_column)
        _pairs(table, names, images, settings, against, (output, plot, worst), require or (), seed, as_json, strict)
        return
    _refuse({"against": against, "worst": worst}, "leave out -c for it: it is of labelled pairs")
    outputs, required = Outputs.checked(output, plot), [Requirement.parsed(text) for text in require or ()]
    judged = _judgements(
        table, collection, Columns(image_column or "image", caption_column, set_column, relevance_column), images
    )
    for one in required:
        one.check(judged)
    asked = judged if sample is None else judged.sample(sample, seed)
    with _engine(settings, rerank=not no_rerank) as engine, console.progress("asking") as progress:
        report = measure(
            engine,
            asked,
            candidates=candidates,
            rerank=not no_rerank,
            fusion_weight=fusion_weight,
            seed=seed,
            progress=progress,
        )
    outputs.write(report, required)
    _show(report, required, outputs, as_json)
    if not all(one.met(report) for one in required) or (strict and report.judgements.problems):
        raise typer.Exit(1)


def _pairs(
    table: Path,
    names: tuple[str, str, str, str],
    images: Path | None,
    settings: Settings,
    against: str | None,
    files: tuple[Path | None, Path | None, Path | None],
    require: Sequence[str],
    seed: int,
    as_json: bool,
    strict: bool,
) -> None:
    """The other way: a model's verdicts on labelled pairs."""
    from api.pair_evaluation import PairOutputs, PairRequirement, evaluate_pairs
    from rerank.finetune.pairs import Columns

    outputs, required = PairOutputs.checked(*files), [PairRequirement.parsed(text) for text in require]
    found = evaluate_pairs(
        table, Columns(*names), images, settings, against, outputs, required, seed=seed, as_json=as_json
    )
    if not all(one.met(found) for one in required) or (strict and found.problems):
        raise typer.Exit(1)


def _refuse(given: Mapping[str, object], remedy: str) -> None:
    from rerank.errors import InputError

    for name, value in given.items():
        if value not in (None, False):
            raise InputError(f"--{name.replace('_', '-')} means nothing here; {remedy}")


def _judgements(table: Path, collection: Path, columns: Columns, images: Path | None) -> Judgements:
    """The table's queries, before any model is loaded: what is wrong with it shows at once."""
    from rerank.errors import InputError
    from retrieval import Collection
    from retrieval.evaluation import read_judgements

    if images is not None and not images.is_dir():
        raise InputError(f"--images {images}: no such folder")
    with Collection.open(collection) as opened:
        return read_judgements(table, opened, columns=columns, images=images)


def _engine(settings: Settings, *, rerank: bool) -> SearchEngine:
    from retrieval import SearchEngine

    return SearchEngine.open(
        options.needed_collection(settings),
        encoder=settings.encoder,
        reranker=settings.reranker if rerank else None,
        adapter=settings.adapter,
        device=settings.device,
        precision=settings.precision,
        fusion_weight=settings.fusion_weight,
    )


def _show(report: Report, required: Sequence[Requirement], outputs: Outputs, as_json: bool) -> None:
    from api.evaluations import document
    from retrieval.evaluation.tables import text_table

    if as_json:
        console.document(document(report, required))
    else:
        console.print_out(text_table(report))
    problems = report.judgements.problems
    for problem in problems[:SHOWN_PROBLEMS]:
        console.note(f"  line {problem.line}: {problem.reason}")
    if len(problems) > SHOWN_PROBLEMS:
        console.note(f"  and {len(problems) - SHOWN_PROBLEMS} more: --json lists them all")
    for path in outputs.paths():
        console.note(f"written: {path}")
    for one in required:
        console.note(one.verdict(report))
