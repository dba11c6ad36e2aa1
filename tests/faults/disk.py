"""A writer on a failing disk, in a process of its own.

It opens the collection, waits for a line, then commits and publishes on and on. It says
``ok 5 6`` when numbers were acknowledged, ``refused MESSAGE`` when a commit or an index failed with a CollectionError.
"""

from __future__ import annotations

import sys
from pathlib import Path

from retrieval.errors import CollectionError
from tests.faults.numbered import add, open_writer


def main() -> None:
    target, rounds = Path(sys.argv[1]), int(sys.argv[2])
    with open_writer(target) as writer:
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(rounds):
            try:
                add(writer, [number])
                print("ok", number, flush=True)
                writer.publish()
            except CollectionError as error:
                print("refused", " ".join(str(error).split()), flush=True)


if __name__ == "__main__":
    main()
