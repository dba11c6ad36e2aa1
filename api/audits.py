"""Audits as jobs: one at a time behind what people wait for, kept on disk, gone on with after a restart."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from api.archives import PictureArchive
from api.audit_job import ARCHIVE, ID, JOURNAL, AuditJob
from api.audit_judge import ServedJudge
from api.audit_pictures import Fetch, JobPictures, fetched_on
from api.audit_schemas import FORMATS, AuditOptions
from api.fetch import Fetcher
from api.service import Service
from api.settings import Settings
from rerank.audit import (
    AuditCancelled,
    AuditedRow,
    AuditRow,
    Journal,
    Options,
    Outcome,
    Policy,
    Summary,
    Table,
    fit_policy,
    judge_rows,
    write_reports,
)
from rerank.audit.whole import journal_key
from rerank.decoding.pool import DecoderPool
from rerank.errors import VeralensError

log = logging.getLogger("veralens")


class AuditNotFound(VeralensError):
    """No audit has this id, or it was removed."""


class TooManyAudits(Exception):
    """As many audits wait as may; ``retry_after`` is when to ask again, in seconds."""

    def __init__(self, waiting: int, retry_after: int = 60) -> None:
        super().__init__(f"{waiting} audits are waiting, as many as may; try again later, or cancel one")
        self.retry_after = retry_after


class Audits:
    """The jobs of one service, each in a folder of its own below ``settings.audits_dir``.

    Args:
        fetcher: fetches pictures that are at URLs, as far as its policy allows.
    """

    def __init__(self, service: Service, settings: Settings, fetcher: Fetcher) -> None:
        self._service = service
        self._settings = settings
        self._fetcher = fetcher
        self.directory = settings.audits_dir
        self._jobs: dict[str, AuditJob] = {}
        self._queue: queue.SimpleQueue[AuditJob | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take up what was not finished when the last server stopped."""
        self._loop = loop
        found = [AuditJob.load(path) for path in self.directory.glob("aud_*")] if self.directory.is_dir() else []
        for job in sorted((one for one in found if one is not None), key=lambda one: one.created):
            self._jobs[job.id] = job
            if not job.finished:
                self._queue.put(job)
        self._prune()
        self._thread = threading.Thread(target=self._work, name="audits", daemon=True)
        self._thread.start()

    def check_room(self) -> None:
        """Refuse one more job where too many wait.

        Raises:
            TooManyAudits: see ``settings.max_audits``.
        """
        waiting = sum(not job.finished for job in self._jobs.values())
        if waiting >= self._settings.max_audits:
            raise TooManyAudits(waiting)

    def add(self, folder: Path, table: Table, options: AuditOptions, title: str) -> AuditJob:
        """Queue the audit of a table that lies in ``folder``."""
        job = AuditJob.create(folder, table.count, options, title)
        self._jobs[job.id] = job
        self._queue.put(job)
        return job

    def get(self, audit_id: str) -> AuditJob:
        """A job by its id.

        Raises:
            AuditNotFound: there is none.
        """
        job = self._jobs.get(audit_id) if ID.fullmatch(audit_id) else None
        if job is None:
            raise AuditNotFound(f"{audit_id}: there is no such audit; audits are removed some time after they end")
        return job

    def cancel(self, audit_id: str) -> None:
        """Stop a job that has not ended; remove one that has.

        Raises:
            AuditNotFound: there is none.
        """
        job = self.get(audit_id)
        if job.finished:
            del self._jobs[audit_id]
            job.remove()
            return
        job.cancelled.set()
        if job.state == "queued":
            job.become("cancelled")

    def close(self, timeout: float | None = None) -> None:
        """Stop after the pairs at hand; the next server goes on from there."""
        self._stopping.set()
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(timeout)

    def _work(self) -> None:
        while (job := self._queue.get()) is not None and not self._stopping.is_set():
            if job.finished:
                continue
            try:
                job.become("running")
                self._run(job)
                job.become("done")
            except AuditCancelled:
                if job.cancelled.is_set():
                    job.become("cancelled")
                    continue
                return  # shutting down: it is still running as far as the next server is concerned
            except VeralensError as error:
                job.become("failed", error=str(error).replace(str(job.folder), job.title))
            except Exception as error:
                log.exception("audit %s failed", job.id)
                job.become("failed", error=f"unexpected {type(error).__name__}; the server's log says what")
            self._prune()

    def _run(self, job: AuditJob) -> None:
        assert self._loop is not None
        table, options = job.table(), _options(job.options)
        judge = ServedJudge(self._service, self._loop, lambda: self._stopped(job))
        archive = PictureArchive(job.folder / ARCHIVE) if (job.folder / ARCHIVE).is_file() else None
        # Its own processes, one at a time: what people send to be looked at now goes first.
        decoders = DecoderPool(1, seconds=self._settings.decode_seconds, max_pixels=self._settings.max_pixels)
        key = journal_key(table, judge, options, None)
        try:
            with Journal(job.folder / JOURNAL, key) as journal:
                counted = _Counting(job, table, journal, judge.name)
                find = JobPictures(lambda: self._service.engine.collection, archive, self._fetch())
                judge_rows(
                    table,
                    judge,
                    journal,
                    find,
                    decoders,
                    options=options,
                    watch=counted,
                    cancelled=lambda: self._stopped(job),
                )
                precision = job.options.policy.fit_precision
                fitted = None if precision is None else fit_policy(table, journal, precision)
                outputs = [job.report(form) for form in FORMATS]
                summary = write_reports(
                    *(table, journal, outputs),
                    model=judge.name,
                    title=job.title,
                    policy=job.policy(),
                    fitted=fitted,
                    options=options,
                )
                job.observe(summary)
        finally:
            decoders.close()
            if archive is not None:
                archive.close()

    def _fetch(self) -> Fetch | None:
        assert self._loop is not None
        return None if self._fetcher.policy.mode == "off" else fetched_on(self._loop, self._fetcher)

    def _stopped(self, job: AuditJob) -> bool:
        return self._stopping.is_set() or job.cancelled.is_set()

    def _prune(self) -> None:
        """Remove what ended long ago, and the oldest where there are too many."""
        oldest = datetime.now(UTC) - timedelta(hours=self._settings.keep_audit_hours)
        ended = sorted((job for job in list(self._jobs.values()) if job.finished), key=lambda job: job.created)
        surplus = len(ended) - self._settings.keep_audits
        for place, job in enumerate(ended):
            if place < surplus or datetime.fromisoformat(job.created) < oldest:
                self._jobs.pop(job.id, None)
                job.remove()


class _Counting:
    """Counts rows into a job as they are judged, by the policy that was asked for."""

    def __init__(self, job: AuditJob, table: Table, journal: Journal, model: str) -> None:
        self._policy = job.policy()
        self._summary = Summary(model, job.title, self._policy, None, job.options.prepare, list(table.notes))
        for row, outcome in zip(table.rows(), journal.outcomes(), strict=False):
            self._add(row, outcome)
        job.observe(self._summary)

    def __call__(self, rows: Sequence[AuditRow], outcomes: Sequence[Outcome]) -> None:
        for row, outcome in zip(rows, outcomes, strict=True):
            self._add(row, outcome)

    def _add(self, row: AuditRow, outcome: Outcome) -> None:
        decision = None if outcome.verdict is None else self._policy.decide(outcome.verdict)
        # The thumbnail is on disk; two hundred of them are no matter for the memory.
        self._summary.add(AuditedRow(row, Outcome(outcome.verdict, outcome.problem), decision))


def _options(options: AuditOptions) -> Options:
    return Options(prepare=options.prepare, language=options.lang)


def policy_of(options: AuditOptions) -> Policy:
    """The policy in a request.

    Raises:
        InputError: its thresholds do not fit together.
    """
    asked = options.policy
    return Policy(asked.accept_above, asked.reject_above, asked.reject_below)
