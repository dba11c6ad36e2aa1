"""The web page at ``/``, its styles and scripts under ``/web/``, and ``/docs``."""

from __future__ import annotations

import gzip
import re
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from api.docs import render
from api.errors import Problem

router = APIRouter(include_in_schema=False)
WEB = Path(__file__).parent.parent / "web"
METHODS = ["GET", "HEAD"]
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# No path and nothing hidden can be spelled with these.
ASSET = re.compile(r"[a-z]+\.(css|js|svg)")
# Asked for anew each time, and answered 304 as long as they are the same.
REVALIDATE = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding"}


@router.api_route("/", methods=METHODS)
def index(request: Request) -> Response:
    """The page."""
    return _file(request, WEB / "index.html", "text/html")


def locked_page() -> Response:
    """The page for whoever shows no key: it holds no data, and asks for one."""
    headers = {"WWW-Authenticate": 'Bearer realm="veralens"'}
    return HTMLResponse((WEB / "index.html").read_bytes(), status_code=401, headers=headers)


@router.api_route("/web/{name}", methods=METHODS)
def asset(request: Request, name: str) -> Response:
    """A style or a script of the page."""
    path = WEB / name
    if not ASSET.fullmatch(name) or not path.is_file():
        raise Problem(404, f"the page has no file {name}")
    return _file(request, path, KINDS[path.suffix])


@router.api_route("/docs", methods=METHODS)
def docs(request: Request) -> HTMLResponse:
    """The routes, as read from the OpenAPI document."""
    return HTMLResponse(render(request.app.openapi()))


def _file(request: Request, path: Path, kind: str) -> Response:
    """The file, compressed for whoever can read that, or 304 to whoever has it."""
    response = FileResponse(path, media_type=kind, headers=REVALIDATE, stat_result=path.stat())
    tag = response.headers["etag"]
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag in known:
        return Response(status_code=304, headers={"ETag": tag, **REVALIDATE})
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return response
    # The same content in another coding: the tag may only say that it is as good.
    headers = {"ETag": f"W/{tag}", "Content-Encoding": "gzip", **REVALIDATE}
    return Response(_compressed(path, tag), media_type=kind, headers=headers)


@lru_cache(maxsize=64)
def _compressed(path: Path, tag: str) -> bytes:  # noqa: ARG001 (the tag makes changed files another entry)
    return gzip.compress(path.read_bytes(), mtime=0)
