"""The GPU index with a clone that keeps to what FAISS's GPU indexes can do: what it asks of whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from rerank.errors import InputError
from retrieval.bitmaps import bitmap_of
from retrieval.index import EVERYTHING, EXACT_HALF, LISTS, SCANNED_LISTS, IndexPlan
from retrieval.stores import gpu, provider
from retrieval.stores.faiss import FaissIndex
from retrieval.stores.gpu import MOST, GpuIndex, accelerated
from retrieval.stores.ivf import build_lists
from retrieval.types import Vectors
from tests.retrieval.test_index import DIMENSION, clustered

IMAGES = 4000


@dataclass
class Clone:
    """Searches the CPU's index, and refuses what a GPU's would refuse or get wrong."""

    index: Any
    asked: list[int] = field(default_factory=list)

    def search(self, queries: Vectors, k: int, params: Any = None) -> tuple[Vectors, Any]:
        assert k <= MOST
        assert params is None or params.sel is None
        assert getattr(params, "nprobe", 1) <= MOST
        self.asked.append(k)
        return self.index.search(queries, k, params=params)  # type: ignore[no-any-return]


@pytest.fixture(scope="module", params=[EXACT_HALF, LISTS, SCANNED_LISTS])
def master(request: pytest.FixtureRequest) -> FaissIndex:
    vectors = clustered(IMAGES)
    blocks = [(np.arange(1, IMAGES + 1, dtype=np.int64), vectors)]
    if request.param == EXACT_HALF:
        return FaissIndex.build(IndexPlan(EXACT_HALF), DIMENSION, blocks)
    plan = IndexPlan(request.param, {"nlist": 64, "training": 3000})
    built = build_lists(plan, lambda count: vectors[:count], blocks)
    # As many are compared by 8-bit codes as come back: a GPU, which has no others, is to find the same.
    return built.with_parameters(nprobe=32, survivors=64)


@pytest.fixture
def query() -> Vectors:
    return clustered(1, seed=8)[0]


def test_plain_questions_go_to_the_gpu(master: FaissIndex, query: Vectors) -> None:
    clone = Clone(master.faiss_index)
    index = GpuIndex(master, lambda _: clone)
    keys, similarities = index.search(query, 100)
    expected = master.search(query, 100)
    assert keys.tolist() == expected[0].tolist()
    assert similarities.tolist() == expected[1].tolist()
    assert clone.asked == [100]
    # What comes off the GPU is compared again in full.
    assert not index.exact
    assert index.overfetch >= 1.5
    assert len(index) == IMAGES


def test_the_form_that_gpus_have_gives_the_same(master: FaissIndex, query: Vectors) -> None:
    index = GpuIndex(master, Clone)  # which FAISS's own clone is made of
    keys, similarities = index.search(query, 100)
    expected = master.search(query, 100)
    assert len(set(keys.tolist()) & set(expected[0].tolist())) >= 99
    assert similarities == pytest.approx(expected[1], abs=1e-4)
    assert index.error(query) >= master.error(query)


def test_the_rest_goes_to_the_cpu(master: FaissIndex, query: Vectors) -> None:
    clone = Clone(master.faiss_index)
    index = GpuIndex(master, lambda _: clone)
    some = bitmap_of(range(1, 500))
    assert set(index.search(query, 50, among=some)[0].tolist()) <= set(range(1, 500))
    assert len(index.search(query, MOST + 1, effort=EVERYTHING)[0]) == MOST + 1
    index.search(query, 10, effort=EVERYTHING)
    assert clone.asked == []


def test_removed_images_are_made_up_for(master: FaissIndex, query: Vectors) -> None:
    clone = Clone(master.faiss_index)
    index = GpuIndex(master, lambda _: clone)
    best = master.search(query, 300)[0]
    few = bitmap_of(best[:30])
    assert index.search(query, 100, without=few)[0].tolist() == master.search(query, 100, without=few)[0].tolist()
    assert clone.asked == [200]
    # More than there was to spare: the master, which knows what was removed, is asked.
    many = bitmap_of(best[:250])
    assert index.search(query, 100, without=many)[0].tolist() == master.search(query, 100, without=many)[0].tolist()


def test_without_a_gpu_the_index_stays_as_it_is(master: FaissIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "gpus", lambda: 0)
    assert accelerated(master) is master


def test_an_index_too_large_for_the_gpu_stays_as_it_is(
    master: FaissIndex, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_: Any) -> Any:
        raise RuntimeError("Error in virtual void*: out of memory\nmore")

    monkeypatch.setattr(gpu, "gpus", lambda: 1)
    monkeypatch.setattr(gpu, "_on_first_gpu", lambda: full)
    assert accelerated(master) is master
    assert "the CPU searches it" in caplog.text


def test_two_faiss_packages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    provider.check_provider()
    monkeypatch.setattr(provider, "version", lambda name: "1.15.1")
    with pytest.raises(
        InputError, match=r"faiss-cpu 1\.15\.1 and faiss-gpu 1\.15\.1 are both installed.*pip uninstall"
    ):
        provider.check_provider()
