"""One audit on disk: what was asked, how far it is, what came out."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Self

from pydantic import ValidationError

from api.audit_schemas import FORMATS, AuditOptions, AuditResponse, ReportsDocument, State
from rerank.audit import Columns, Policy, Summary, Table, read_thumbnail
from rerank.errors import InputError
from retrieval.atomic import write_atomically

JOB, ARCHIVE, JOURNAL = "job.json", "images.zip", "journal"
ID = re.compile(r"aud_[0-9a-f]{20}")


class AuditJob:
    """An audit and its folder. Changed by the thread that runs it, read by any."""

    def __init__(self, folder: Path, document: AuditResponse, options: AuditOptions, title: str) -> None:
        self.folder = folder
        self.options = options
        self.title = title
        self.cancelled = threading.Event()
        self.summary: Summary | None = None
        self._document = document
        self._lock = threading.Lock()

    @classmethod
    def create(cls, folder: Path, rows: int, options: AuditOptions, title: str) -> Self:
        """A new job, queued, in a folder that holds its table already."""
        created = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        document = AuditResponse(id=folder.name, state="queued", rows=rows, done=0, created=created)
        job = cls(folder, document, options, title)
        job.save()
        return job

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """A job as it was saved last; None where none is, or what is there cannot be read."""
        try:
            saved = json.loads((folder / JOB).read_text(encoding="utf-8"))
            document = AuditResponse.model_validate(saved["audit"])
            return cls(folder, document, AuditOptions.model_validate(saved["options"]), str(saved["title"]))
        except (OSError, ValueError, KeyError, TypeError, ValidationError):
            return None

    @property
    def id(self) -> str:
        """Its name in URLs, which cannot be guessed."""
        return self.folder.name

    @property
    def state(self) -> State:
        return self._document.state

    @property
    def finished(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ("done", "failed", "cancelled")

    @property
    def created(self) -> str:
        return self._document.created

    def document(self) -> AuditResponse:
        """It as it stands."""
        with self._lock:
            return self._document if self.summary is None else self._document.with_summary(self.summary)

    def table(self) -> Table:
        """Its table.

        Raises:
            InputError: it is none; the message speaks of it by the name that it was sent under.
        """
        path = next(self.folder.glob("table.*"))
        options = self.options
        columns = Columns(options.image_column, options.text_column, options.premise_column, options.expected_column)
        return open_table(path, columns, self.title)

    def policy(self) -> Policy:
        """Its policy, unless one is fitted."""
        asked = self.options.policy
        return Policy(asked.accept_above, asked.reject_above, asked.reject_below)

    def report(self, form: str) -> Path:
        """Where a report is, or will be."""
        return self.folder / f"report.{form}"

    def thumbnail(self, row: int) -> bytes | None:
        """A row's small JPEG, if there is one."""
        return read_thumbnail(self.folder / JOURNAL, row)

    def become(self, state: State, *, error: str | None = None) -> None:
        """Take on a state, on disk as well."""
        with self._lock:
            document = self._document if self.summary is None else self._document.with_summary(self.summary)
            reports = ReportsDocument()
            if state == "done":
                reports = ReportsDocument(**{one: f"/v1/audits/{self.id}/report.{one}" for one in FORMATS})
            self._document = document.model_copy(update={"state": state, "error": error, "reports": reports})
            if self.finished:
                self.summary = None  # what it says is in the document now
        self.save()

    def observe(self, summary: Summary) -> None:
        """Tell of these counts from now on; they may still grow."""
        with self._lock:
            self.summary = summary

    def save(self) -> None:
        """Write it down, whole or not at all."""
        saved = {
            "audit": self._document.model_dump(),
            "options": self.options.model_dump(),
            "title": self.title,
        }
        text = json.dumps(saved).encode()

        def fill(file: BinaryIO) -> None:
            file.write(text)

        write_atomically(self.folder / JOB, fill)

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


def new_folder(directory: Path) -> Path:
    """An empty folder of a new name."""
    folder = directory / f"aud_{secrets.token_hex(10)}"
    folder.mkdir(parents=True)
    return folder


def open_table(path: Path, columns: Columns, title: str) -> Table:
    """A table that somebody sent; where it lies here is nobody's business."""
    try:
        return Table.open(path, columns)
    except InputError as error:
        raise InputError(str(error).replace(str(path), title)) from None
