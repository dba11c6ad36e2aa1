"""The errors of Veralens.

VeralensError
├── InputError            wrong arguments or input; the message names the field and the remedy
├── ImageError            an image that cannot be read; carries ``reason``
│   └── ImageTooLarge     more pixels or bytes than allowed
└── ModelError
    ├── ModelUnavailable  the model is not here and cannot be fetched
    └── ModelInvalid      the model's files are damaged or of a kind that is not supported
"""

from __future__ import annotations


class VeralensError(Exception):
    """Base of every error that Veralens raises on purpose."""


class InputError(VeralensError, ValueError):
    """An argument, field or file is wrong; the message says which and how to mend it."""


class ImageError(VeralensError):
    """An image that cannot be read; ``reason`` says why, ``source`` names it where it has a name."""

    def __init__(self, reason: str, source: str | None = None) -> None:
        super().__init__(f"{source}: {reason}" if source else reason)
        self.reason = reason
        self.source = source


class ImageTooLarge(ImageError):
    """An image with more pixels or bytes than the limit allows."""


class ModelError(VeralensError):
    """A model that cannot be used."""


class ModelUnavailable(ModelError):
    """A model that is neither in the package, nor on disk, nor to be fetched."""


class ModelInvalid(ModelError):
    """A model directory whose files are missing, damaged or of an unsupported kind."""
