"""``POST /v1/images`` and ``DELETE /v1/images/{id}``: pictures into the collection, and out of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Form, Path, Response

from api.dependencies import FormNeeded, SettingsNeeded, ThumbnailsNeeded, UploadsNeeded, problems
from api.errors import Problem
from api.upload_schemas import UploadAnswer, UploadForm

router = APIRouter(tags=["images"], responses=problems(401, 403, 404, 422, 429, 503))
NOT_HERE = "set VERALENS_ALLOW_{}=true to let everybody who reaches this service do it, or set API keys"
_ALREADY: dict[int | str, dict[str, Any]] = {
    200: {"model": UploadAnswer, "description": "the collection has it already; nothing was changed"}
}


@router.post(
    "/v1/images",
    status_code=201,
    dependencies=[FormNeeded],
    responses=_ALREADY | problems(400, 413, 415),
)
async def upload(
    form: Annotated[UploadForm, Form(media_type="multipart/form-data")],
    uploads: UploadsNeeded,
    settings: SettingsNeeded,
    response: Response,
    background: BackgroundTasks,
) -> UploadAnswer:
    """Take a picture into the collection: the next query finds it. Removed ones come back."""
    if not settings.uploads_allowed:
        raise Problem(403, f"this service takes no uploads: {NOT_HERE.format('UPLOADS')}")
    added = await uploads.add(await form.image.read(), form.caption, form.all_tags())
    if added.due:
        background.add_task(uploads.publish)
    response.headers["Location"] = f"/v1/images/{added.id}"
    response.status_code = 201 if added.created else 200
    return UploadAnswer.of(added)


@router.delete("/v1/images/{image_id}", status_code=204)
async def delete(
    image_id: Annotated[str, Path(max_length=64)],
    uploads: UploadsNeeded,
    settings: SettingsNeeded,
    thumbnails: ThumbnailsNeeded,
) -> None:
    """Take an image out of the collection for good: the next query does not find it.

    An upload's file goes; one in an indexed folder stays where it is, and is passed over by later runs.
    """
    if not settings.deletes_allowed:
        raise Problem(403, f"this service deletes nothing: {NOT_HERE.format('DELETES')}")
    await uploads.delete(image_id)
    thumbnails.forget(image_id)
