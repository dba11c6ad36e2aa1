"""The web page at ``/``, its two files, and ``/docs``."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse

from api.docs import render

router = APIRouter(include_in_schema=False)
WEB = Path(__file__).parent.parent / "web"
METHODS = ["GET", "HEAD"]
# Asked for anew each time, and answered 304 as long as they are the same.
REVALIDATE = {"Cache-Control": "no-cache"}


@router.api_route("/", methods=METHODS)
def index() -> FileResponse:
    """The page."""
    return FileResponse(WEB / "index.html", headers=REVALIDATE)


@router.api_route("/style.css", methods=METHODS)
def style() -> FileResponse:
    """Its style."""
    return FileResponse(WEB / "style.css", headers=REVALIDATE)


@router.api_route("/app.js", methods=METHODS)
def script() -> FileResponse:
    """Its script."""
    return FileResponse(WEB / "app.js", media_type="text/javascript", headers=REVALIDATE)


@router.api_route("/docs", methods=METHODS)
def docs(request: Request) -> HTMLResponse:
    """The routes, as read from the OpenAPI document."""
    return HTMLResponse(render(request.app.openapi()))
