"""Fetches hostile URLs in a network of its own and counts what was connected to: ``unshare -rn python -m …``.

Prints one JSON document: how many URLs, which got through, what forbidden address was connected to.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import trustme

from api.fetch import Fetcher, FetchPolicy, FetchRefused
from tests.faults.ssrf_net import Canary, own_the_world
from tests.faults.ssrf_site import PACKED, PICTURE, serve
from tests.faults.ssrf_urls import GOOD, HOSTILE

MAX_BYTES = 200_000
SECONDS = 2.0
PUBLIC, PUBLIC6 = "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
ALLOWED = frozenset({PUBLIC, PUBLIC6})
ADDRESSES: dict[str, list[str]] = {
    "good.test": [PUBLIC],
    "good6.test": [PUBLIC6],
    "xn--bcher-kva.test": [PUBLIC],
    "wrong-name.test": [PUBLIC],
    "localhost": ["127.0.0.1"],
    "loop.test": ["127.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "several.test": [PUBLIC, "10.0.0.1"],
    "several6.test": [PUBLIC, "::1"],
    "mapped.test": ["::ffff:10.0.0.1"],
    "nat64.test": ["64:ff9b::7f00:1"],
    "sixtofour.test": ["2002:7f00:1::"],
    "none.test": [],
    "scoped.test": ["fe80::1%lo"],
    "garbage.test": ["not an address"],
}


class Names:
    """The test's resolver. ``rebind.test`` is public when first asked and loopback ever after; ``hang.test`` hangs."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked[host] += 1
        if host == "rebind.test":
            return [PUBLIC] if self.asked[host] == 1 else ["127.0.0.1"]
        if host == "hang.test":
            await asyncio.sleep(60)
        if host not in ADDRESSES:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return ADDRESSES[host]


async def attempt(fetcher: Fetcher, url: str) -> bytes | str:
    """What came, or how it was refused."""
    try:
        return await fetcher.fetch(url)
    except FetchRefused as refusal:
        return str(refusal)


async def run() -> dict[str, Any]:
    """Every URL, one after another."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("good.test").configure_cert(server)
    authority.configure_trust(client)
    servers = await serve(ALLOWED, server)
    canary, names, started = Canary(), Names(), time.monotonic()
    options: dict[str, Any] = {"max_bytes": MAX_BYTES, "resolve": names, "tls": client}
    report = await _hostile(Fetcher(FetchPolicy("guarded"), seconds=SECONDS, **options), canary)
    patient = Fetcher(FetchPolicy("guarded"), seconds=60.0, **options)
    report["good"] = {url: await attempt(patient, url) == PICTURE for url in GOOD}
    report["packed"] = await attempt(patient, "http://good.test/packed") == PACKED
    report["forbidden"] += [("good", *seen) for seen in canary.take() if not _allowed(seen)]
    # That the canary sings: the same names without the guard.
    open_door = FetchPolicy("hosts", ("loop.test", "127.0.0.1", "loop.test:22"), private=True)
    unguarded = Fetcher(open_door, seconds=60.0, **options)
    for url in ("http://loop.test/", "http://127.0.0.1/", "http://loop.test:22/"):
        await attempt(unguarded, url)
    report["unguarded"] = [seen for seen in canary.take() if not _allowed(seen)]
    report["seconds"] = round(time.monotonic() - started, 1)
    for one in servers:
        one.close()
    canary.close()
    return report


async def _hostile(fetcher: Fetcher, canary: Canary) -> dict[str, Any]:
    through, forbidden, answers, slowest = [], [], set(), 0.0
    for url in HOSTILE:
        before = time.monotonic()
        found = await attempt(fetcher, url)
        slowest = max(slowest, time.monotonic() - before)
        if isinstance(found, bytes):
            through.append(ascii(url))
        else:
            answers.add(found)
        forbidden += [(ascii(url), *seen) for seen in canary.take() if not _allowed(seen)]
    return {
        "hostile": len(HOSTILE),
        "through": through,
        "forbidden": forbidden,
        "answers": sorted(answers),
        "slowest": round(slowest, 3),
    }


def _allowed(seen: tuple[str, int]) -> bool:
    return seen[0] in ALLOWED and seen[1] in (80, 443)


if __name__ == "__main__":
    try:
        own_the_world()
    except OSError as error:
        sys.exit(f"this needs a network namespace of its own (unshare -rn): {error}")
    print(json.dumps(asyncio.run(run()), indent=2))
