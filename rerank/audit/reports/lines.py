"""Reports of one line a row: CSV for spreadsheets and databases, JSON Lines for programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from rerank.audit.cells import neutralised
from rerank.audit.reports.base import Aside
from rerank.audit.summary import Summary
from rerank.audit.types import AuditedRow
from rerank.audit.wording import Wording
from rerank.types import LABELS

# What many programs take for the end of a line, beside those that JSON always escapes.
_LINE_ENDS = {ord(one): f"\\u{ord(one):04x}" for one in "\x85\u2028\u2029"}


class CsvReport:
    """Every row, UTF-8 with a byte order mark, which spreadsheets need; no cell begins as a formula does.

    The columns keep their names in every language; ``label`` is one of ``LABELS``, ``verdict`` the same in words.
    """

    def __init__(
        self, path: Path, words: Wording, extras: Sequence[str], *, has_premise: bool, has_expected: bool
    ) -> None:
        self._aside = Aside(path)
        self._words = words
        self._premise, self._expected = has_premise, has_expected
        self._file = self._aside.part.open("w", encoding="utf-8-sig", newline="", errors="backslashreplace")
        self._writer = csv.writer(self._file, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
        names = ["row", "image", "text", *["premise"] * has_premise, "label", "verdict", "decision", *LABELS]
        names += [*["expected"] * has_expected, "problem"]
        self._writer.writerow([*names, *(neutralised(_apart(name, names)) for name in extras)])

    def write(self, audited: AuditedRow) -> None:
        """Add one row."""
        row, verdict = audited.row, audited.outcome.verdict
        numbers = ["", "", ""] if verdict is None else [f"{getattr(verdict, name):.6f}" for name in LABELS]
        texts = [row.image_name, row.text, *([row.premise or ""] if self._premise else [])]
        words = [self._words[audited.label or "failed"], self._words[audited.decision] if audited.decision else ""]
        last = [*([row.expected or ""] if self._expected else []), audited.outcome.problem or "", *row.extras]
        self._writer.writerow(
            [row.number, *map(neutralised, texts), audited.label or "", *words, *numbers, *map(neutralised, last)]
        )

    def finish(self, _: Summary) -> None:
        """Give the file its name."""
        self._file.close()
        self._aside.publish()

    def abandon(self) -> None:
        """Leave nothing."""
        self._file.close()
        self._aside.remove()


class JsonLinesReport:
    """Every row as a JSON object, its values as they were given; the table's other columns are in ``extra``."""

    def __init__(self, path: Path, extras: Sequence[str]) -> None:
        self._aside = Aside(path)
        self._extras = extras
        self._file = self._aside.part.open("w", encoding="utf-8", newline="\n", errors="backslashreplace")

    def write(self, audited: AuditedRow) -> None:
        """Add one row."""
        row, verdict = audited.row, audited.outcome.verdict
        numbers: dict[str, float | None] = {
            name: None if verdict is None else round(getattr(verdict, name), 6) for name in LABELS
        }
        found: dict[str, object] = {
            **{"row": row.number, "line": row.line, "image": row.image_name, "text": row.text, "premise": row.premise},
            **{"label": audited.label, "decision": audited.decision, **numbers, "expected": row.expected},
            **{"correct": audited.correct, "problem": audited.outcome.problem},
            "extra": dict(zip(self._extras, row.extras, strict=True)),
        }
        self._file.write(json.dumps(found, ensure_ascii=False).translate(_LINE_ENDS) + "\n")

    def finish(self, _: Summary) -> None:
        """Give the file its name."""
        self._file.close()
        self._aside.publish()

    def abandon(self) -> None:
        """Leave nothing."""
        self._file.close()
        self._aside.remove()


def _apart(name: str, taken: Sequence[str]) -> str:
    """A carried column's name, told apart from ours."""
    return f"{name} (given)" if name in taken else name
