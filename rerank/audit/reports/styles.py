"""How cells of the workbook look."""

from __future__ import annotations

from typing import Any

from xlsxwriter.workbook import Workbook

# Fill and ink of each verdict and decision: told apart by their words as well as by their colours.
COLOURS = {
    "entailment": ("#D8F0DD", "#14532D"),
    "neutral": ("#FCEFC7", "#713F12"),
    "contradiction": ("#FADADA", "#7F1D1D"),
    "failed": ("#E5E7EB", "#374151"),
    "accept": ("#D8F0DD", "#14532D"),
    "review": ("#FCEFC7", "#713F12"),
    "reject": ("#FADADA", "#7F1D1D"),
}
# The same, strong enough for a chart.
CHART = {
    **{"entailment": "#3FA45B", "neutral": "#E0A526", "contradiction": "#D2504F", "failed": "#9AA1AC"},
    **{"accept": "#3FA45B", "review": "#E0A526", "reject": "#D2504F"},
}


class Styles:
    """The formats of one workbook."""

    def __init__(self, book: Workbook) -> None:
        middle = {"valign": "vcenter"}
        self.text = book.add_format({**middle, "text_wrap": True})
        self.number = book.add_format({**middle, "align": "right"})
        self.count = book.add_format({**middle, "num_format": "#,##0"})
        self.probability = book.add_format({**middle, "align": "center", "num_format": "0.000"})
        self.share = book.add_format({**middle, "num_format": "0.0%"})
        dark = {**middle, "bold": True, "bg_color": "#1F2937", "font_color": "#FFFFFF"}
        self.header = book.add_format(dark)
        self.middle_header = book.add_format({**dark, "align": "center"})
        self.title = book.add_format({"bold": True, "font_size": 16})
        self.heading = book.add_format({"bold": True, "bottom": 1})
        self.right_heading = book.add_format({"bold": True, "bottom": 1, "align": "right"})
        self.threshold = book.add_format({**middle, "num_format": "0.0000"})
        self._coloured: dict[str, Any] = {
            name: book.add_format({**middle, "align": "center", "bg_color": fill, "font_color": ink})
            for name, (fill, ink) in COLOURS.items()
        }

    def of(self, name: str | None) -> Any:
        """The format of a verdict or a decision; None is a failure's."""
        return self._coloured[name or "failed"]
