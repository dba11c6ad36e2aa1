"""``veralens keys``: API keys for ``veralens serve``."""

from __future__ import annotations

from typing import Annotated

import typer

from api import console
from api.commands import options

keys = typer.Typer(name="keys", help="API keys for `veralens serve`.")


@keys.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is: the log shows this name.")],
    as_json: options.Json = False,
) -> None:
    """Make a key: shown once, kept by nobody.

    What goes into the configuration file is its SHA-256, from which the key cannot be found.
    """
    from api.keys import NAME, new_key, stored
    from rerank.errors import InputError

    if not NAME.fullmatch(name):
        raise InputError(f"{name!r}: a key's name is letters, digits, dots, dashes and underscores, at most 64")
    key = new_key()
    line = f'"{name}" = "{stored(key)}"'
    if as_json:
        console.document({"name": name, "key": key, "stored": stored(key), "line": line})
        return
    console.note(f"The key of {name}, for its Authorization: Bearer header; it is not shown again:")
    console.print_out(key)
    console.note(f"\nInto the configuration file (--config FILE or VERALENS_CONFIG):\n\n[keys]\n{line}")
