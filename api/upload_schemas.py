"""An upload over the wire."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import UploadFile
from pydantic import Field, StringConstraints

from api.schemas import Answer, Document, Text, shown_path
from indexer.upload import Uploaded

MAX_TAGS = 64

TagList = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]


class UploadForm(Document):
    """The form of ``POST /v1/images``."""

    image: UploadFile = Field(description="the picture's file, in any format that is read here")
    caption: Text | None = Field(None, description="what is known of the picture: the premise of its verdicts")
    tags: list[TagList] = Field([], max_length=MAX_TAGS, description="words to filter by; several, or with commas")

    def all_tags(self) -> tuple[str, ...]:
        """The tags, each once."""
        words = (word.strip() for tags in self.tags for word in tags.split(","))
        return tuple(dict.fromkeys(word for word in words if word))[:MAX_TAGS]


class UploadAnswer(Answer):
    """Where a picture is now; ``min_generation`` of a search takes the generation."""

    id: str
    path: str
    generation: int
    created: bool

    @classmethod
    def of(cls, uploaded: Uploaded) -> Self:
        """The answer to an upload."""
        path = shown_path(uploaded.path)
        return cls(id=uploaded.id, path=path, generation=uploaded.generation, created=uploaded.created)
