"""What every report does: it grows beside its name and takes it when it is whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from rerank.audit.summary import Summary
from rerank.audit.types import AuditedRow


class Report(Protocol):
    """Takes rows one after another; at the end there is a file, or none."""

    def write(self, audited: AuditedRow) -> None: ...

    def finish(self, summary: Summary, /) -> None: ...

    def abandon(self) -> None: ...


class Aside:
    """The place beside ``path`` where a file grows until it is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.part = path.with_name(f".{path.name}.part")

    def publish(self) -> None:
        """Sync what was written and give it its name."""
        descriptor = os.open(self.part, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.part.replace(self.path)

    def remove(self) -> None:
        """Leave nothing."""
        self.part.unlink(missing_ok=True)
