"""What is sent to begin an audit: a form with a table and a zip of pictures, or JSON rows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path, PurePath
from typing import Any

from anyio.to_thread import run_sync
from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from api.audit_job import ARCHIVE
from api.audit_schemas import EXAMPLE_ROWS, AuditOptions, AuditRequest
from api.errors import Problem
from api.pictures import wrong_field
from api.validation import validated

FORM = "multipart/form-data"
TABLES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson")
EXAMPLE_TABLE = "image,text\nimg_0123456789abcdef0123,blue denim jeans\n"
FORM_SCHEMA = {
    "type": "object",
    "required": ["table"],
    "properties": {
        "table": {"type": "string", "format": "binary", "description": "the rows: a .csv, .tsv or .jsonl file"},
        "images": {"type": "string", "format": "binary", "description": "a zip of the pictures that the rows name"},
        **{
            name: {"type": "string", "description": f"the column of the {name.removesuffix('_column')}"}
            for name in ("image_column", "text_column", "premise_column", "expected_column")
        },
        "lang": {"type": "string", "enum": ["en", "zh"], "default": "en"},
        "policy": {"type": "string", "description": 'JSON: {"accept_above": 0.8, "reject_above": 0.9}'},
        "prepare": {"type": "string", "enum": ["stretch", "letterbox", "crop"], "default": "stretch"},
    },
}
BODY = {
    "required": True,
    "content": {
        FORM: {
            "schema": FORM_SCHEMA,
            "examples": {"table": {"value": {"table": EXAMPLE_TABLE, "lang": "en"}}},
        },
        "application/json": {
            "schema": AuditRequest.model_json_schema(ref_template="#/components/schemas/{model}"),
            "examples": {"rows": {"value": {"rows": EXAMPLE_ROWS, "lang": "en"}}},
        },
    },
}


def body_kind(request: Request) -> str:
    """The body's media type; Problem 415 where it is none of ours."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM and kind != "application/json" and not kind.endswith("+json"):
        raise Problem(415, f"Content-Type {kind or 'is missing: it'} must be {FORM} or application/json")
    return kind


async def receive(request: Request, kind: str, folder: Path) -> tuple[AuditOptions, str]:
    """Put the table, and the zip where there is one, into ``folder``; the options, and what the table is called."""
    return await (_from_form if kind == FORM else _from_json)(request, folder)


async def _from_json(request: Request, folder: Path) -> tuple[AuditOptions, str]:
    try:
        document = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"the body is not JSON: {error}") from error
    body = validated(AuditRequest, document)
    lines = "".join(row.model_dump_json(exclude_unset=True) + "\n" for row in body.rows)
    await run_sync((folder / "table.jsonl").write_text, lines, "utf-8")
    return body.options(), "rows"


async def _from_form(request: Request, folder: Path) -> tuple[AuditOptions, str]:
    try:
        async with request.form(max_files=2, max_fields=12, max_part_size=64 * 1024) as form:
            fields, files = _parts(form)
            options = validated(AuditOptions, _parsed(fields))
            if "table" not in files:
                raise wrong_field("table", "is missing: send a CSV or JSON Lines file in it")
            name = PurePath(files["table"].filename or "").name
            suffix = PurePath(name).suffix.lower()
            if suffix not in TABLES:
                raise Problem(415, f"table: {name[:100]!r} must end in one of {', '.join(TABLES)}")
            await run_sync(_copy, files["table"], folder / f"table{suffix}")
            if "images" in files:
                await run_sync(_copy, files["images"], folder / ARCHIVE)
            return options, name[:200]
    except (UnicodeDecodeError, LookupError) as error:
        raise Problem(400, f"the form cannot be read: {error}") from error


def _parts(form: FormData) -> tuple[dict[str, str], dict[str, UploadFile]]:
    fields: dict[str, str] = {}
    files: dict[str, UploadFile] = {}
    for name, value in form.multi_items():
        if name in fields or name in files:
            raise wrong_field(name, "is given twice")
        is_file = name in ("table", "images")
        if isinstance(value, UploadFile) != is_file:
            raise wrong_field(
                name, "must be a file with a file name" if is_file else "must be a text field, not a file"
            )
        if isinstance(value, UploadFile):
            files[name] = value
        else:
            fields[name] = value
    return fields, files


def _parsed(fields: dict[str, str]) -> dict[str, Any]:
    """The fields that were filled in; ``policy`` is JSON."""
    filled: dict[str, Any] = {name: value for name, value in fields.items() if value.strip()}
    if "policy" in filled:
        try:
            filled["policy"] = json.loads(filled["policy"])
        except (ValueError, RecursionError) as error:
            raise wrong_field("policy", f"is not JSON: {error}") from None
    return filled


def _copy(upload: UploadFile, path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(upload.file, file)
