"""The mismatches as one HTML page that needs nothing but itself: no script, no request."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

from rerank.audit.cells import clean
from rerank.audit.reports.base import Aside
from rerank.audit.summary import COUNTS, Summary
from rerank.audit.types import AuditedRow
from rerank.audit.wording import Wording
from rerank.types import LABELS

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --faint: #5b6675; --paper: #f6f7f9; --card: #fff; --line: #dfe3e8 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --faint: #a3adba; --paper: #14181d; --card: #1d232b; --line: #313a45 }
}
body { margin: 2rem auto; max-width: 78rem; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, "Noto Sans CJK SC", sans-serif }
h1 { font-size: 1.5rem; margin: 0 0 .25rem } .about, figcaption small { color: var(--faint) }
ul { list-style: none; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)) }
li { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .75rem }
figure { margin: 0 } .frame { height: 10.5rem; display: grid; place-items: center; color: var(--faint) }
img { max-width: 100%; max-height: 10.5rem; border-radius: .3rem }
figcaption { overflow-wrap: anywhere; margin-top: .5rem } figcaption small { display: block }
.tag { display: inline-block; border-radius: 1rem; padding: 0 .6rem; font-size: .85rem; margin: .35rem .25rem 0 0 }
.contradiction, .reject { background: #fadada; color: #7f1d1d }
.neutral, .review { background: #fcefc7; color: #713f12 }
.entailment, .accept { background: #d8f0dd; color: #14532d } .failed { background: #e5e7eb; color: #374151 }
.bar { display: flex; height: .4rem; border-radius: .2rem; overflow: hidden; margin-top: .5rem }
.bar i:nth-child(1) { background: #3fa45b } .bar i:nth-child(2) { background: #e0a526 }
.bar i:nth-child(3) { background: #d2504f }
""".strip()


class ContactSheet:
    """Cards of the first ``most`` mismatches; the page says how many more there are."""

    def __init__(self, path: Path, words: Wording, most: int) -> None:
        self._aside = Aside(path)
        self._words = words
        self._most = most
        self._cards: list[str] = []

    def write(self, audited: AuditedRow) -> None:
        """Add a card, if the row is a mismatch."""
        if audited.mismatch and len(self._cards) < self._most:
            self._cards.append(_card(audited, self._words))

    def finish(self, summary: Summary) -> None:
        """Write the page."""
        page = _page(self._words, summary, self._cards)
        self._aside.part.write_text(page, encoding="utf-8", newline="\n")
        self._aside.publish()

    def abandon(self) -> None:
        """Leave nothing."""
        self._aside.remove()


def _page(words: Wording, summary: Summary, cards: list[str]) -> str:
    counts = " · ".join(f"{words[name]} {summary.counts[name]:,}" for name in COUNTS)
    decisions = " · ".join(f"{words[name]} {count:,}" for name, count in summary.decisions.items())
    capped = words.shown.format(shown=len(cards), total=summary.mismatches) if len(cards) < summary.mismatches else ""
    language = "zh-CN" if words.code == "zh" else "en"
    return (
        f'<!doctype html>\n<html lang="{language}">\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(words.contact_sheet)}: {_text(summary.table)}</title>\n<style>\n{_STYLE}\n</style>\n"
        f"<h1>{_text(words.contact_sheet)}: {summary.mismatches:,}</h1>\n"
        f'<p class="about">{_text(summary.table)} · {words["total"]} {summary.rows:,} · {_text(summary.model)}<br>\n'
        f"{counts}<br>\n{decisions}" + f"<br>\n{capped}" * bool(capped) + "</p>\n"
        f"<ul>\n{''.join(cards)}</ul>\n</html>\n"
    )


def _card(audited: AuditedRow, words: Wording) -> str:
    row, verdict, thumbnail = audited.row, audited.outcome.verdict, audited.outcome.thumbnail
    assert verdict is not None
    assert audited.label is not None
    assert audited.decision is not None
    picture = f"<span>{words.no_thumbnail}</span>"
    if thumbnail is not None:
        picture = f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(thumbnail).decode()}">'
    shares = [getattr(verdict, name) for name in LABELS]
    bar = "".join(f'<i style="width:{100 * share:.1f}%"></i>' for share in shares)
    said = ", ".join(f"{words[name]} {share:.3f}" for name, share in zip(LABELS, shares, strict=True))
    premise = f"<small>{words['premise']}: {_text(row.premise)}</small>" if row.premise else ""
    expected = f"<small>{words['expected']}: {words[row.expected]}</small>" if row.expected else ""
    tags = "".join(f'<span class="tag {name}">{words[name]}</span>' for name in (audited.label, audited.decision))
    return (
        f'<li><figure><div class="frame">{picture}</div><figcaption>{_text(row.text)}{premise}{expected}'
        f"<small>{words['row']} {row.number} · {_text(row.image_name)}</small></figcaption></figure>"
        f'{tags}<div class="bar" role="img" aria-label="{said}">{bar}</div></li>\n'
    )


def _text(text: str) -> str:
    return escape(clean(text))
