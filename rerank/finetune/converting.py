"""Tables of labelled pairs from and to what Hugging Face's `datasets` keeps: imagefolder, parquet, saved datasets."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rerank.errors import ImageError, InputError
from rerank.finetune.folder import HEADER, write_table
from rerank.finetune.pairs import LABEL_WORDS, OTHER_NAMES, SPLIT_WORDS, Columns, PairTable
from rerank.images import load_image
from rerank.types import LABELS

Format = Literal["imagefolder", "parquet", "arrow"]
FORMATS: tuple[Format, ...] = ("imagefolder", "parquet", "arrow")
TABLE_FILE, IMAGES = "pairs.csv", "images"
NO_DATASETS = "converting needs datasets, which is not installed: pip install 'veralens[datasets]'"
# The two by which a dataset that was saved is known.
SAVED = ("dataset_dict.json", "state.json")


@dataclass(frozen=True)
class Converted:
    """What was written: where, rows by split, and how many rows were left out for which reason."""

    path: Path
    rows: dict[str, int]
    left_out: dict[str, int]


def to_table(source: Path, target: Path, columns: Columns | None = None) -> Converted:
    """Write a Hugging Face dataset as ``target/pairs.csv``, its pictures' bytes as files in ``target/images``.

    Args:
        source: an imagefolder, a folder of parquet files or one of them, or what ``save_to_disk`` wrote.
        target: a new folder.
        columns: what the dataset calls its columns, where not the usual names.

    Raises:
        InputError: it is none of these, or has no such columns.
    """
    _new(target)
    (target / IMAGES).mkdir(parents=True, exist_ok=True)
    rows: list[list[str]] = []
    counts: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as cache:
        for name, part in _opened(source, Path(cache)).items():
            split = SPLIT_WORDS.get(name.partition("-")[0].lower(), "train")
            for row in _rows(part, columns or Columns(), source):
                written = _picture(row[0], target / IMAGES)
                reason = "no picture" if not written else "" if row[2].strip() else "no hypothesis"
                if reason:
                    left_out[reason] += 1
                    continue
                rows.append([f"{IMAGES}/{written}", row[1], row[2], row[3], split])
                counts[split] += 1
    write_table(target / TABLE_FILE, [*HEADER, "split"], rows)
    return Converted(target / TABLE_FILE, dict(counts), dict(left_out))


def from_table(table: PairTable, target: Path, kind: Format) -> Converted:
    """Write a table as a dataset that ``load_dataset`` or ``load_from_disk`` reads, pictures included, by split."""
    _new(target)
    target.mkdir(parents=True, exist_ok=True)
    splits: dict[str, list[Any]] = {}
    for pair in table.pairs:
        splits.setdefault(pair.split or "train", []).append(pair)
    left_out = {"cannot be used": len(table.problems)} if table.problems else {}
    if kind == "imagefolder":
        for split, pairs in splits.items():
            _write_imagefolder(pairs, target / split)
    else:
        _write_arrow(splits, target, kind)
    return Converted(target, {split: len(pairs) for split, pairs in splits.items()}, left_out)


def _opened(source: Path, cache: Path) -> dict[str, Any]:
    """The dataset's splits by name."""
    try:
        from datasets import DatasetDict, load_dataset, load_from_disk
        from datasets.utils.logging import disable_progress_bar
    except ImportError as error:
        raise InputError(NO_DATASETS) from error
    disable_progress_bar()
    if not source.exists():
        raise InputError(f"{source}: does not exist")
    files = [source] if source.suffix == ".parquet" else sorted(source.rglob("*.parquet")) if source.is_dir() else []
    try:
        if any((source / name).is_file() for name in SAVED):
            found = load_from_disk(str(source))
        elif files:
            data: dict[str, list[str]] = {}
            for file in files:
                data.setdefault(_split_of(file), []).append(str(file))
            found = load_dataset("parquet", data_files=data, cache_dir=str(cache))
        elif source.is_dir():
            found = load_dataset("imagefolder", data_dir=str(source.resolve()), cache_dir=str(cache))
        else:
            raise InputError(f"{source}: is neither an imagefolder, nor parquet, nor a dataset that was saved")
    except InputError:
        raise
    except Exception as error:  # datasets raises many kinds
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{source}: cannot be read as a dataset ({reason})") from error
    return dict(found) if isinstance(found, DatasetDict) else {"train": found}


def _rows(part: Any, columns: Columns, source: Path) -> Iterator[tuple[Any, str, str, str]]:
    """Picture, premise, hypothesis and label of each row."""
    from datasets import ClassLabel, Image, Value

    names = list(part.column_names)
    image = _column("image" if columns.image == "image_path" else columns.image, names, source)
    hypothesis = _column(columns.hypothesis, names, source)
    kind = part.features.get(columns.label)
    if not isinstance(part.features[image], Image) and not isinstance(part.features[image], Value):
        raise InputError(f"{source}: the column {image} holds no pictures")
    part = part.cast_column(image, Image(decode=False))
    for row in part:
        label = row.get(columns.label)
        if isinstance(kind, ClassLabel) and isinstance(label, int):
            label = kind.int2str(label) if label >= 0 else None
        word = "" if label is None else str(label).strip().lower()
        yield row[image], str(row.get(columns.premise) or ""), str(row[hypothesis] or ""), LABEL_WORDS.get(word, "")


def _column(name: str, names: Sequence[str], source: Path) -> str:
    found: str | None = next((one for one in (name, *OTHER_NAMES.get(name, ())) if one in names), None)
    if found is None:
        raise InputError(f"{source}: has no column {name} (it has {', '.join(names)}); name its columns")
    return found


def _picture(value: Any, folder: Path) -> str | None:
    """Write a picture's bytes under their hash; the file's name, None where there is no picture that can be read."""
    data = (value or {}).get("bytes")
    path = (value or {}).get("path")
    try:
        if data is None and path:
            data = Path(path).read_bytes()
        if not data:
            return None
        load_image(data)
    except (OSError, ImageError):
        return None
    ending = Path(path).suffix.lower() if path and Path(path).suffix else ".img"
    name: str = hashlib.sha256(data).hexdigest()[:20] + ending
    if not (folder / name).exists():
        (folder / name).write_bytes(data)
    return name


def _write_imagefolder(pairs: Sequence[Any], folder: Path) -> None:
    folder.mkdir(parents=True)
    rows = []
    for number, pair in enumerate(pairs):
        # A file a row: that is what an imagefolder is.
        name = f"{number:06}{pair.image.suffix.lower()}"
        shutil.copyfile(pair.image, folder / name)
        rows.append([name, pair.premise or "", pair.hypothesis, pair.label or ""])
    write_table(folder / "metadata.csv", ["file_name", *HEADER[1:]], rows)


def _write_arrow(splits: dict[str, list[Any]], target: Path, kind: Format) -> None:
    try:
        from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value
        from datasets.utils.logging import disable_progress_bar
    except ImportError as error:
        raise InputError(NO_DATASETS) from error
    disable_progress_bar()
    text = Value("string")
    features = Features(
        {"image": Image(), "premise": text, "hypothesis": text, "label": ClassLabel(names=list(LABELS))}
    )
    with tempfile.TemporaryDirectory() as cache:
        made = {
            split: Dataset.from_generator(_examples, features=features, cache_dir=cache, gen_kwargs={"pairs": pairs})
            for split, pairs in splits.items()
        }
        if kind == "arrow":
            DatasetDict(made).save_to_disk(str(target))
            return
        for split, part in made.items():
            part.to_parquet(str(target / f"{split}-00000-of-00001.parquet"))


def _examples(pairs: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for pair in pairs:
        picture = {"bytes": pair.image.read_bytes(), "path": pair.image.name}
        yield {"image": picture, "premise": pair.premise, "hypothesis": pair.hypothesis, "label": pair.target}


def _split_of(file: Path) -> str:
    words = (file.stem.partition("-")[0].lower(), file.parent.name.lower())
    return next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), "train")


def _new(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{target}: is there already; name a new folder")
