"""The command ``veralens``: the commands put together, errors as one line, exit codes as the contract has them.

0 done · 1 some items failed, or an unexpected error · 2 wrong usage or input · 3 a model cannot be had ·
130 Ctrl-C, with what was done kept.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from api import console
from api.commands.audit import audit
from api.commands.check import check
from api.commands.compact import compact
from api.commands.dataset import dataset
from api.commands.demo import demo
from api.commands.evaluate import evaluate
from api.commands.export import export
from api.commands.finetune import finetune
from api.commands.index import index
from api.commands.info import info
from api.commands.keys import keys
from api.commands.merge import merge
from api.commands.mine import mine
from api.commands.models import models
from api.commands.reembed import reembed
from api.commands.remove import remove
from api.commands.search import search
from api.commands.serve import serve
from api.commands.verify import verify

DONE, FAILED, WRONG_INPUT, NO_MODEL, INTERRUPTED = 0, 1, 2, 3, 130

ABOUT = "Image search that checks its results: CLIP finds candidates, OFA visual entailment reads each one."

app = typer.Typer(
    name="veralens",
    help=ABOUT,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def veralens(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """What `veralens` does without a command."""
    if show_version:
        console.print_out(installed_version())
        raise typer.Exit(DONE)
    if context.invoked_subcommand is None:
        console.note(context.get_help())
        raise typer.Exit(WRONG_INPUT)


for command in (demo, index, search, check, audit, evaluate, serve, info, models, verify, remove, compact, reembed):
    app.command()(command)
for tuning in (finetune, mine, merge, export):
    app.command()(tuning)
app.add_typer(keys)
app.add_typer(dataset)


def installed_version() -> str:
    """The version of the installed distribution."""
    try:
        return version("veralens")
    except PackageNotFoundError:
        return "0+unknown"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    try:
        return app(args=arguments, prog_name="veralens", standalone_mode=False) or DONE
    except TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "veralens"
        console.fail(f"{error.format_message()} `{command} --help` shows the usage.")
        return WRONG_INPUT
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; without this the interpreter would complain at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        return _explain(error)


def _explain(error: Exception) -> int:
    """Say in one line what went wrong; the exit code."""
    # Here, since these packages import torch: an error of theirs means that they are loaded already.
    from api.settings import Settings
    from rerank.errors import ModelError, VeralensError

    if isinstance(error, VeralensError):
        console.fail(str(error))
        return NO_MODEL if isinstance(error, ModelError) else WRONG_INPUT
    if isinstance(error, OSError):
        console.fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return FAILED
    if Settings.load().debug:
        raise error
    console.fail(f"unexpected {type(error).__name__}: {error} (VERALENS_DEBUG=1 shows where; please report it)")
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
