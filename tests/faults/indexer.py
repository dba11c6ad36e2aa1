"""``veralens index`` over and over: for each line on stdin, [folder, collection, file for its words], a child.

It says the child's process id, and its exit status once it has ended. Children are forked from what has imported all
and loaded nothing, since importing takes longer than many a run.
"""

from __future__ import annotations

import json
import os
import sys

import open_clip  # noqa: F401 - so that no child has to
import torch  # noqa: F401
import typer.main  # noqa: F401

import api.cli
import indexer.watch  # noqa: F401


def run(folder: str, collection: str, words: str) -> int:
    """The command line's index, with all that it says in ``words``."""
    descriptor = os.open(words, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    return api.cli.main(["index", folder, "--collection", collection, "--progress", "json"])


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            status = 1
            try:
                status = run(*json.loads(line))
            finally:
                os._exit(status)
        os.write(1, f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        os.write(1, f"{os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main()
