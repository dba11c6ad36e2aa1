"""``/v1/audits``: a verdict for every row of a table, as a job with reports."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse

from api.archives import PictureArchive
from api.audit_job import ARCHIVE, AuditJob, new_folder, open_table
from api.audit_requests import BODY, body_kind, receive
from api.audit_schemas import AuditOptions, AuditResponse, Format
from api.audits import AuditNotFound, Audits, TooManyAudits, policy_of
from api.dependencies import ReadyNeeded, SettingsNeeded, problems
from api.errors import Problem
from api.pictures import wrong_field
from api.settings import Settings
from rerank.audit import Columns, Table
from rerank.errors import InputError
from rerank.preparation import check_preparation

router = APIRouter(tags=["audits"], responses=problems(401, 404, 503))
KINDS = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
    "html": "text/html; charset=utf-8",
}
# What the contact sheet needs, and nothing that it might be made to ask for.
SHEET_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind.partition(";")[0]: {} for kind in KINDS.values()}, "description": "the report"},
    **problems(409, 422),
}
_THUMBNAIL: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}, "description": "a small picture"},
    **problems(422),
}


def _audits(request: Request) -> Audits:
    audits: Audits = request.app.state.audits
    return audits


AuditsNeeded = Annotated[Audits, Depends(_audits)]


def _job(audit_id: Annotated[str, PathParameter(max_length=64)], audits: AuditsNeeded) -> AuditJob:
    try:
        return audits.get(audit_id)
    except AuditNotFound as error:
        raise Problem(404, str(error)) from None


Job = Annotated[AuditJob, Depends(_job)]


@router.post(
    "/v1/audits",
    status_code=202,
    dependencies=[ReadyNeeded],
    responses=problems(400, 413, 415, 422, 429),
    openapi_extra={"requestBody": BODY},
)
async def ask(request: Request, response: Response, audits: AuditsNeeded, settings: SettingsNeeded) -> AuditResponse:
    """Begin an audit; ``Location`` is where to follow it. It ends with a workbook, CSV, JSON Lines and HTML."""
    kind = body_kind(request)
    try:
        audits.check_room()
    except TooManyAudits as error:
        raise Problem(429, str(error), headers={"Retry-After": str(error.retry_after)}) from None
    async with _folder(audits) as folder:
        options, title = await receive(request, kind, folder)
        table = await run_sync(_checked, folder, options, title, settings)
        job = await run_sync(audits.add, folder, table, options, title)
    response.headers["Location"] = f"/v1/audits/{job.id}"
    return job.document()


@router.get("/v1/audits/{audit_id}")
def audit(job: Job) -> AuditResponse:
    """How far an audit is, and what it has found: the first mismatches and failures as they come."""
    return job.document()


@router.get("/v1/audits/{audit_id}/report.{form}", response_class=FileResponse, responses=_FILE)
def report(job: Job, form: Format) -> FileResponse:
    """A report of an audit that is done; 409 before."""
    if job.state != "done":
        raise Problem(409, f"the audit is {job.state}; there are reports once it is done")
    headers = {"Content-Security-Policy": SHEET_POLICY} if form == "html" else {}
    shown = "inline" if form == "html" else "attachment"
    name = f"audit-{job.created[:10]}.{form}"
    return FileResponse(
        job.report(form), media_type=KINDS[form], filename=name, content_disposition_type=shown, headers=headers
    )


@router.get("/v1/audits/{audit_id}/thumbnails/{row}", response_class=Response, responses=_THUMBNAIL)
def thumbnail(job: Job, row: Annotated[int, PathParameter(ge=1, le=10_000_000)]) -> Response:
    """The picture of a row, small."""
    found = job.thumbnail(row)
    if found is None:
        raise Problem(404, f"row {row} has no thumbnail: it was not judged, or lies beyond those that are kept")
    headers = {"Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "private, max-age=3600"}
    return Response(found, media_type="image/jpeg", headers=headers)


@router.delete("/v1/audits/{audit_id}", status_code=204, response_class=Response)
def cancel(job: Job, audits: AuditsNeeded) -> Response:
    """Cancel an audit that has not ended; remove one that has."""
    audits.cancel(job.id)
    return Response(status_code=204)


@asynccontextmanager
async def _folder(audits: Audits) -> AsyncIterator[Path]:
    """A folder for a new job, gone again if nothing comes of it."""
    folder = await run_sync(new_folder, audits.directory)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _checked(folder: Path, options: AuditOptions, title: str, settings: Settings) -> Table:
    """The table that lies in ``folder``, when it and all else that was sent can be used."""
    policy_of(options)
    check_preparation(options.prepare)
    path = next(folder.glob("table.*"))
    columns = Columns(options.image_column, options.text_column, options.premise_column, options.expected_column)
    try:
        table = open_table(path, columns, title)
    except InputError as error:
        raise wrong_field("table", str(error)) from None
    if table.count > settings.max_audit_rows:
        raise wrong_field("table", f"has {table.count:,} rows, more than {settings.max_audit_rows:,}; split it")
    if options.policy.fit_precision is not None and table.places.expected is None:
        raise wrong_field("policy", "fit_precision needs a column of expected labels; name it in expected_column")
    if (folder / ARCHIVE).is_file():
        PictureArchive(folder / ARCHIVE).close()
    return table
