"""torch.compile as an option: the same answers, or a clear refusal at load."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rerank import EntailmentReranker, InputError


@pytest.mark.filterwarnings("ignore")  # torch's own, about its compiler
def test_compiled_agrees_whatever_the_size_of_the_batch(reference: EntailmentReranker, reference_dir: Path) -> None:
    files = sorted((reference_dir / "images").iterdir())
    pairs = [(files[n % len(files)], text) for n, text in enumerate(["a cat"] * 5 + ["a longer text of two birds"] * 2)]
    with EntailmentReranker.from_pretrained(
        str(reference_dir), precision="fp32", batch_size=4, compiled=True
    ) as compiled:
        assert np.abs(compiled.score(pairs) - reference.score(pairs)).max() <= 1e-4


def test_a_compiler_that_fails_is_named_at_load(reference_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rerank.ofa.encoder import EncoderLayer

    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("no C++ compiler found")

    monkeypatch.setattr(EncoderLayer, "compile", lambda layer, **_: setattr(layer, "forward", broken))
    with pytest.raises(InputError, match=r"compiled: torch\.compile fails here \(no C\+\+ compiler found\)"):
        EntailmentReranker.from_pretrained(str(reference_dir), compiled=True)
