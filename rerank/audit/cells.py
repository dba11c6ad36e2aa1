"""Text made fit for reports that other programs open."""

from __future__ import annotations

import re

# What XML cannot hold, or programs that open a report stumble over: control characters but tab and line ends, halves of
# surrogate pairs, noncharacters.
_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
# What makes a spreadsheet take a cell of a CSV file for a formula (OWASP, "CSV Injection"), full-width forms included;
# spreadsheets pass over space in front.
_FORMULA = re.compile(r"[\s\ufeff\u200b\u2060]*[=+\-@\uff1d\uff0b\uff0d\uff20\u2212]|[\t\r\n]")
MOST_CHARACTERS = 32_767


def clean(text: str) -> str:
    """``text`` with � for each character that reports cannot hold."""
    return _UNFIT.sub("�", text)


def neutralised(text: str) -> str:
    """``text`` as a cell of a CSV file: with an apostrophe in front where a spreadsheet would calculate it."""
    cleaned = clean(text)
    return "'" + cleaned if _FORMULA.match(cleaned) else cleaned


def fitted(text: str) -> str:
    """``text`` as a cell of a workbook, which holds MOST_CHARACTERS of UTF-16."""
    cleaned = clean(text)
    if len(cleaned) * 2 <= MOST_CHARACTERS or len(cleaned.encode("utf-16-le")) // 2 <= MOST_CHARACTERS:
        return cleaned
    shortened = cleaned.encode("utf-16-le")[: 2 * (MOST_CHARACTERS - 1)].decode("utf-16-le", "ignore")
    return shortened + "…"
