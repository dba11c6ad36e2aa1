"""Fields that a route has read itself, checked as FastAPI checks those that it reads."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], fields: Any) -> M:
    """``fields`` of a request's body as ``model``.

    Raises:
        RequestValidationError: with the fields at fault.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        raise RequestValidationError(found) from error
