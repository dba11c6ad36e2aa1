"""How fast the service answers, what it adds to the bare engine, and what becomes of it under ten times its capacity.

``python -m benchmarks.service --help``; README.md says how to get the peer, clip-retrieval. The client shares the
machine with the server; percentiles are of one client at a time, rates of many.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import uvloop

from benchmarks.indexing import encoder_name
from benchmarks.load import Answers, Make, closed, expect, in_turn, opened, post, post_json
from benchmarks.ofa_sizes import SIZES, model_directory
from benchmarks.progress import say
from benchmarks.rerank import CACHE, write_json
from benchmarks.served import clip_retrieval, cpu_seconds, resident_bytes, veralens
from indexer import build_collection
from indexer.samples.catalogue import write_catalogue
from retrieval import SearchEngine
from retrieval.encoder import load_encoder

WORDS = ("blue denim jeans", "a red cup", "green socks", "a black hat", "white shoes", "a striped shirt")
CLIENTS = 16
OVER = 10
RECOVERY_SECONDS = 2.0


@dataclass(frozen=True)
class Kind:
    """A kind of request: ``make`` gives the request number n to a URL."""

    name: str
    make: Callable[[str], Make]


def main() -> None:
    options = _options()
    figures: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        collection = _collection(options.cache, options.encoder)
        kinds = _kinds(options.cache)
        reranker = _reranker_name(options.cache, options.reranker)
        with veralens(collection, scratch, "--reranker", reranker) as (url, pid):
            if options.overload:
                figures += [_overload(url, pid, kind, options) for kind in kinds if kind.name in options.kinds]
            else:
                print(f"resident when ready: {resident_bytes(pid) / 2**20:,.0f} MiB")
                figures += [_speed(url, pid, kind, options.seconds) for kind in kinds if kind.name in options.kinds]
                figures.append(_overhead(url, collection, reranker, options.rounds))
            if options.peer_python:
                figures.append(_beside_peer(url, collection, scratch, options))
    if options.json:
        write_json(options.json, figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each kind is asked (default: 20)")
    parser.add_argument("--rounds", type=int, default=300, help="searches with and without the service (default: 300)")
    parser.add_argument("--overload", action="store_true", help=f"ask {OVER} times as often as can be answered instead")
    parser.add_argument("--overload-seconds", type=float, default=60.0, help="for how long (default: 60)")
    names = [kind.name for kind in _kinds(CACHE)]
    parser.add_argument("--kinds", nargs="+", default=names, choices=names, help="which requests (default: all)")
    parser.add_argument("--encoder", default="bundled", help="bundled (default), ViT-B-32 or ViT-L-14, random weights")
    parser.add_argument(
        "--reranker", default="bundled", choices=["bundled", *SIZES], help="bundled (default), or OFA at random weights"
    )
    parser.add_argument("--peer-python", help="a Python that has clip-retrieval; needs --encoder ViT-B-32")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"pictures and collections lie here ({CACHE})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser.parse_args()


def _collection(cache: Path, encoder: str) -> Path:
    pictures, path = cache / "catalogue", cache / f"service-{encoder}.collection"
    write_catalogue(pictures)
    say("indexing")
    build_collection([pictures], path, encoder=load_encoder(encoder_name(cache, encoder)))
    return path


def _reranker_name(cache: Path, name: str) -> str:
    """The bundled model, or the directory of a random one of a published size, made once."""
    return str(model_directory(cache, name)) if name in SIZES else name


def _kinds(cache: Path) -> list[Kind]:
    def search(rerank: bool) -> Callable[[str], Make]:
        return lambda url: lambda number: post_json(url, "/v1/search", {"query": text(number), "rerank": rerank})

    def check(url: str) -> Make:
        pictures = sorted((cache / "catalogue").rglob("*.jpg"))
        return lambda number: _form(url, text(number), pictures[number % len(pictures)])

    return [Kind("search", search(False)), Kind("reranked", search(True)), Kind("entailment", check)]


def text(number: int) -> str:
    """A query; no two of them are the same."""
    return f"{WORDS[number % len(WORDS)]} {number}"


def _form(url: str, hypothesis: str, picture: Path) -> bytes:
    fields = f'--X\r\nContent-Disposition: form-data; name="text"\r\n\r\n{hypothesis}\r\n'
    file = '--X\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
    body = fields.encode() + file.encode() + picture.read_bytes() + b"\r\n--X--\r\n"
    return post(url, "/v1/entailment", body, "multipart/form-data; boundary=X")


def _speed(url: str, pid: int, kind: Kind, seconds: float) -> dict[str, Any]:
    """Percentiles and processor time with one client, and the rate with many."""
    make = kind.make(url)
    uvloop.run(closed(url, make, clients=2, seconds=2.0))
    before = cpu_seconds(pid)
    alone = expect(uvloop.run(closed(url, make, clients=1, seconds=seconds, first=10_000)))
    cpu = 1000.0 * (cpu_seconds(pid) - before) / len(alone.answers)
    many = _peak(url, make, seconds)
    p50, p95, p99 = alone.milliseconds(50, 95, 99)
    times = f"p50 {p50:7.1f}  p95 {p95:7.1f}  p99 {p99:7.1f} ms  {cpu:7.1f} CPU-ms"
    print(f"{kind.name:12} {times}   {many.rate:7.1f} requests/s, {CLIENTS} clients")
    return {"kind": kind.name, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "cpu_ms": cpu, "rate": many.rate}


def _peak(url: str, make: Make, seconds: float) -> Answers:
    # Some may be refused for a wait that is too long: those do not count.
    return expect(uvloop.run(closed(url, make, clients=CLIENTS, seconds=seconds, first=100_000)), (200, 429))


def _overhead(url: str, collection: Path, reranker: str, rounds: int) -> dict[str, Any]:
    """What the service adds to a search: asked and called in turn, so that the machine's mood falls on both."""
    bare: list[float] = []
    with SearchEngine.open(collection, reranker=reranker) as engine:

        def call(number: int) -> None:
            start = time.perf_counter()
            engine.search(text(number), rerank=False)
            bare.append(1000.0 * (time.perf_counter() - start))

        answers = expect(uvloop.run(in_turn(url, lambda n: _search(url, text(n)), rounds + 10, call)))
    # The first ones warm both up.
    asked, called = median(1000.0 * one.seconds for one in answers.answers[10:]), median(bare[10:])
    print(f"overhead     p50 {asked:.1f} ms asked, {called:.1f} ms called: {asked - called:.1f} ms")
    return {"kind": "overhead", "asked_ms": asked, "called_ms": called, "overhead_ms": asked - called}


def _search(url: str, query: str) -> bytes:
    return post_json(url, "/v1/search", {"query": query, "rerank": False})


def _overload(url: str, pid: int, kind: Kind, options: argparse.Namespace) -> dict[str, Any]:
    """Ten times the measured capacity, each request at its time."""
    make = kind.make(url)
    # What is seen for the first time is dearer: processes start, pictures are encoded.
    _peak(url, make, options.seconds)
    peak = _peak(url, make, options.seconds).rate
    before = resident_bytes(pid)
    say(f"{kind.name}: {OVER * peak:.0f} requests a second for {options.overload_seconds:.0f} s")
    over = uvloop.run(opened(url, make, rate=OVER * peak, seconds=options.overload_seconds, first=200_000))
    after = resident_bytes(pid)
    time.sleep(RECOVERY_SECONDS)
    again = uvloop.run(closed(url, make, clients=1, seconds=5.0, first=10**6))
    p50, p99 = over.milliseconds(50, 99)
    told = all(one.retry_after for one in over.answers if one.status in (429, 503))
    print(f"{kind.name} at {OVER} times {peak:.1f}/s for {over.seconds:.0f} s: {over.codes()}, Retry-After: {told}")
    print(f"  accepted p50 {p50:.0f} p99 {p99:.0f} ms; {over.rate:.1f}/s, {over.rate / peak:.0%} of the peak")
    print(f"  memory {before / 2**20:.0f} MiB before, {after / 2**20:.0f} after; then {again.codes()}")
    return {
        "kind": f"overload {kind.name}",
        "peak": peak,
        "rate": over.rate,
        "codes": over.codes(),
        "p50_ms": p50,
        "p99_ms": p99,
        "retry_after": told,
        "bytes_before": before,
        "bytes_after": after,
        "recovered": again.codes(),
    }


def _beside_peer(url: str, collection: Path, scratch: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Searches a second without rerank, beside clip-retrieval's backend, in turn."""
    model = encoder_name(options.cache, options.encoder)
    if options.encoder != "ViT-B-32":
        raise SystemExit("--peer-python needs --encoder ViT-B-32, which both can load")
    ours: list[float] = []
    theirs: list[float] = []
    with clip_retrieval(options.peer_python, collection, model, scratch) as peer:

        def ask(number: int) -> bytes:
            asked = {"text": text(number), "modality": "image", "num_images": 10, "indice_name": "pictures"}
            return post_json(peer, "/knn-service", asked)

        for number in range(3):
            for found, at, make in ((ours, url, lambda n: _search(url, text(n))), (theirs, peer, ask)):
                found.append(
                    expect(uvloop.run(closed(at, make, clients=CLIENTS, seconds=options.seconds)), (200, 429)).rate
                )
            say(f"round {number + 1}: {ours[-1]:.1f} and {theirs[-1]:.1f} requests/s")
    ratio = median(ours) / median(theirs)
    print(f"without rerank {median(ours):.1f} requests/s, clip-retrieval {median(theirs):.1f}: {ratio:.2f} times")
    return {"kind": "peer", "rate": median(ours), "peer_rate": median(theirs), "ratio": ratio}


if __name__ == "__main__":
    main()
