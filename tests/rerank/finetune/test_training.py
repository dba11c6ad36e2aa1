"""Training on a small random OFA: what is written, what is loaded, resuming, refusing, merging, exporting."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file

from rerank import EntailmentReranker, InputError
from rerank.finetune.exporting import export
from rerank.finetune.merging import merge
from rerank.finetune.network import Base, head_names
from rerank.finetune.pairs import LabelledPair, TableInvalid, read_pairs
from rerank.finetune.run import Outcome, finetune, prepare
from rerank.finetune.settings import FinetuneSettings
from tests.rerank.finetune.conftest import SETTINGS
from tests.rerank.random_models import Spec, write_model

Pairs = list[tuple[str, str, str | None]]
TEXTS = (
    "a red card",
    "Two dogs' houses — 3 of them",
    "  a   naïve café\x1f!!  ",
    "数字 ⅷ x²",
    "it's what they'd've said 42",
)


@pytest.fixture(scope="module")
def asked(table: Path) -> Pairs:
    return [(str(pair.image), pair.hypothesis, pair.premise) for pair in read_pairs(table).pairs]


def judged(asked: Pairs, base: Path | str, adapter: Path | None = None) -> NDArray[np.float32]:
    with EntailmentReranker.from_pretrained(str(base), precision="fp32", device="cpu", adapter=adapter) as reranker:
        return reranker.score(asked)


def test_an_adapter_says_what_it_is_of_and_what_it_was_made_from(trained: Outcome, base: Path) -> None:
    names = {path.name for path in trained.folder.iterdir()}
    assert names == {
        *("adapter_config.json", "adapter_model.safetensors", "veralens.json", "README.md", "curves.png"),
        *("history.jsonl", "logs", "train.csv", "validation.csv"),
    }
    config = json.loads((trained.folder / "adapter_config.json").read_text())
    assert (config["peft_type"], config["r"], config["base_model_name_or_path"]) == ("LORA", 8, str(base))
    record = json.loads((trained.folder / "veralens.json").read_text())
    assert record["base"] == {"name": str(base), "fingerprint": Base.load(str(base)).fingerprint}
    assert record["data"]["training"] | {"labels": 0} == {"rows": 24, "images": 8, "labels": 0}
    assert record["complete"]
    held_out = read_pairs(trained.folder / "validation.csv")
    assert len(held_out.pairs) == 6
    assert not held_out.problems
    with Image.open(trained.folder / "curves.png") as curves:
        assert curves.width > 1000
    assert len(list((trained.folder / "logs").iterdir())) == 1


def test_training_lowers_the_loss_and_loading_gives_what_was_validated(trained: Outcome, base: Path) -> None:
    steps = trained.history.steps
    assert len(steps) == 18
    assert np.mean([one.loss for one in steps[-6:]]) < np.mean([one.loss for one in steps[:6]])
    held_out = read_pairs(trained.folder / "validation.csv").pairs
    found = judged([(str(p.image), p.hypothesis, p.premise) for p in held_out], base, trained.folder)
    truth = [pair.target for pair in held_out]
    best = trained.history.best
    assert best is not None
    assert (found.argmax(axis=1) == truth).mean() == pytest.approx(best.accuracy)
    assert -np.log(found[range(6), truth]).mean() == pytest.approx(best.loss, abs=1e-4)


def test_peft_loads_the_same_adapter(trained: Outcome, base: Path, asked: Pairs) -> None:
    from peft import PeftModel

    plain = Base.load(str(base))
    model = PeftModel.from_pretrained(plain.model, str(trained.folder)).eval()  # type: ignore[arg-type]
    with EntailmentReranker.from_pretrained(trained.folder, precision="fp32", device="cpu") as ours, torch.no_grad():
        assert ours.name == f"{base} + {trained.folder.name}"
        for path, text, premise in asked[:4]:
            with Image.open(path) as picture:
                pixels = torch.from_numpy(ours._model.pixels(picture.convert("RGB")))[None]
            tokens = torch.tensor([plain.prompt(text, premise)])
            logits = model(plain.model.image_tokens(pixels), tokens, plain.answers)
            assert torch.softmax(logits, -1)[0].numpy() == pytest.approx(
                ours.score([(path, text, premise)])[0], abs=1e-5
            )


def test_adapters_are_switched_without_a_trace(trained: Outcome, base: Path, asked: Pairs) -> None:
    plain, adapted = judged(asked, base), judged(asked, base, trained.folder)
    assert np.abs(plain - adapted).max() > 0.01
    with EntailmentReranker.from_pretrained(str(base), precision="fp32", device="cpu") as reranker:
        assert reranker.score(asked) == pytest.approx(plain)
        tokens = reranker.image_fingerprint
        reranker.load_adapter(trained.folder)
        assert reranker.name.endswith(f"+ {trained.folder.name}")
        assert reranker.score(asked) == pytest.approx(adapted, abs=1e-6)
        # Images are encoded as before: what is kept of them still serves.
        assert reranker.image_fingerprint == tokens
        reranker.load_adapter(None)
        assert reranker.score(asked) == pytest.approx(plain, abs=1e-6)
        with pytest.raises(InputError, match="no such folder"):
            reranker.load_adapter("nowhere")
        assert reranker.score(asked[:1]) == pytest.approx(plain[:1], abs=1e-6)


def test_another_base_is_refused(trained: Outcome, tmp_path: Path) -> None:
    other = write_model(tmp_path / "other", Spec("finetune", 6))
    with pytest.raises(InputError, match="made for another base"):
        EntailmentReranker.from_pretrained(str(other), adapter=trained.folder)
    with pytest.raises(InputError, match="is an adapter itself"):
        EntailmentReranker.from_pretrained(str(trained.folder), adapter=trained.folder)


class Killed(Exception):
    pass


@pytest.mark.parametrize("at", [7, 15])
def test_a_killed_run_goes_on_to_the_same_end(
    trained: Outcome, table: Path, base: Path, tmp_path: Path, at: int
) -> None:
    def stop(done: int, total: int) -> None:
        if done == at:
            raise Killed

    prepared = prepare(read_pairs(table), SETTINGS)
    folder, told = tmp_path / "adapter", []
    with pytest.raises(Killed):
        finetune(prepared, folder, base=str(base), settings=SETTINGS, device="cpu", progress=stop)
    done = finetune(prepared, folder, base=str(base), settings=SETTINGS, device="cpu", notify=told.append)
    assert f"resumed after step {6 * (at // 6)}" in told
    assert [one.loss for one in done.history.steps] == pytest.approx([one.loss for one in trained.history.steps])
    mine, theirs = (load_file(one.folder / "adapter_model.safetensors") for one in (done, trained))
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    with pytest.raises(InputError, match="finished adapter"):
        finetune(prepared, folder, base=str(base), settings=SETTINGS, device="cpu")


def test_a_run_with_other_settings_does_not_go_on_by_mistake(table: Path, base: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 7:
            raise Killed

    prepared = prepare(read_pairs(table), SETTINGS)
    with pytest.raises(Killed):
        finetune(prepared, tmp_path, base=str(base), settings=SETTINGS, device="cpu", progress=stop)
    other = SETTINGS.changed({"r": 4})
    with pytest.raises(InputError, match="other data, settings or base"):
        finetune(prepared, tmp_path, base=str(base), settings=other, device="cpu")
    short = other.changed({"epochs": 1})
    assert finetune(prepared, tmp_path, base=str(base), settings=short, device="cpu", restart=True).record["steps"] == 6


def test_accumulated_batches_are_one_batch(table: Path, tmp_path: Path) -> None:
    """Two batches of 4 to a step are a batch of 8, where no dropout draws differently; the head is kept, too."""
    base = write_model(tmp_path / "base", Spec("steady", 5, {"dropout": 0.0}))
    losses, prepared = [], prepare(read_pairs(table), SETTINGS)
    for batch, accumulate in ((8, 1), (4, 2)):
        settings = FinetuneSettings(
            epochs=2, batch_size=batch, accumulate=accumulate, dropout=0.0, head=True, learning_rate=1e-3
        )
        done = finetune(prepared, tmp_path / f"b{batch}", base=str(base), settings=settings, device="cpu")
        losses.append([one.loss for one in done.history.steps])
        assert done.record["parameters"]["effective_batch"] == 8
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    kept = load_file(tmp_path / "b8" / "adapter_model.safetensors")
    for name in head_names(Base.load(str(base)).model):
        assert any(key.removeprefix("base_model.model.").startswith(name) for key in kept), name
    model = EntailmentReranker.from_pretrained(tmp_path / "b8", device="cpu")
    model.close()


def test_unreadable_pictures_and_wrong_targets_stop_before_training(
    table: Path, pictures: Path, base: Path, tmp_path: Path
) -> None:
    bad = pictures / "half.png"
    bad.write_bytes((pictures / "red.png").read_bytes()[:60])
    path = pictures / "with_bad.csv"
    path.write_text(table.read_text() + "half.png,,a card,yes\n")
    prepared = prepare(read_pairs(path), SETTINGS)
    with pytest.raises(TableInvalid) as caught:
        finetune(prepared, tmp_path / "a", base=str(base), settings=SETTINGS, device="cpu")
    assert [one.line for one in caught.value.problems] == [32]
    good = prepare(read_pairs(table), SETTINGS)
    for targets, words in ((("w_proj",), "no linear layer"), (("image_proj",), "image side")):
        settings = SETTINGS.changed({"targets": targets})
        with pytest.raises(InputError, match=words):
            finetune(good, tmp_path / "b", base=str(base), settings=settings, device="cpu")


@pytest.mark.parametrize(("precision", "tolerance"), [("keep", 1e-4), ("fp16", 5e-3)])
def test_merged_equals_unmerged(
    trained: Outcome, base: Path, asked: Pairs, tmp_path: Path, precision: Any, tolerance: float
) -> None:
    done = merge(trained.folder, tmp_path / "merged", precision=precision)
    adapted = judged(asked, base, trained.folder)
    assert np.abs(judged(asked, tmp_path / "merged") - adapted).max() <= tolerance
    assert done.difference <= tolerance
    shutil.rmtree(tmp_path / "merged")


def test_exported_equals_torch_and_runs_without_torch_or_us(trained: Outcome, asked: Pairs, tmp_path: Path) -> None:
    merged = merge(trained.folder, tmp_path / "merged").directory
    done = export(str(merged), tmp_path / "onnx" / "cards.onnx")
    assert done.difference <= 1e-3
    assert done.fp16_difference is not None
    assert done.fp16_difference <= 1e-2
    assert done.fp16_bytes < 0.6 * done.bytes
    rows = [*asked[:6], *((asked[0][0], text, None) for text in TEXTS)]
    (tmp_path / "asked.json").write_text(json.dumps(rows))
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "from judge_cards import Judge\n"
        "rows = json.load(open(sys.argv[2]))\n"
        "found = Judge(sys.argv[1] + '/cards.onnx', threads=1).judge(rows).tolist()\n"
        "bad = {'torch', 'rerank', 'regex', 'transformers'} & set(sys.modules)\n"
        "print(json.dumps({'found': found, 'bad': sorted(bad)}))"
    )
    command = [sys.executable, "-I", "-c", code, str(tmp_path / "onnx"), str(tmp_path / "asked.json")]
    ran = json.loads(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout)
    assert ran["bad"] == []
    assert np.abs(np.array(ran["found"]) - judged(rows, merged)).max() <= 1e-3


def test_the_runner_reads_texts_as_we_do(base: Path) -> None:
    from hypothesis import given, settings
    from hypothesis import strategies as st

    pytest.importorskip("onnxruntime")
    from rerank.finetune import runner
    from rerank.ofa.tokenizer import Tokenizer

    ours, theirs = Tokenizer.from_directory(base), runner.Tokenizer(base)

    @settings(max_examples=400, deadline=None)
    @given(st.text(max_size=30) | st.text("ab' 12!\t\n\x1f\x85é²Ⅷ_－ s", max_size=20))
    def same(text: str) -> None:
        assert theirs.encode(text) == ours.encode(text)

    same()


def test_two_processes_train_one_adapter(table: Path, base: Path, tmp_path: Path) -> None:
    """Through accelerate, on the CPU: the steps are those of the joint batch, and one process writes."""
    code = (
        "import sys; from pathlib import Path; import torch; torch.set_num_threads(1)\n"
        "from rerank.finetune.pairs import read_pairs\n"
        "from rerank.finetune.run import finetune, prepare\n"
        "from rerank.finetune.settings import FinetuneSettings\n"
        "s = FinetuneSettings(epochs=2, batch_size=2, learning_rate=1e-2, patience=0)\n"
        "done = finetune(prepare(read_pairs(Path(sys.argv[1])), s), Path(sys.argv[2]), base=sys.argv[3], settings=s, "
        "device='cpu')\n"
        "assert done.record['parameters']['effective_batch'] == 4, done.record\n"
    )
    script = tmp_path / "train.py"
    script.write_text(code)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(script)]
    arguments = [str(table), str(tmp_path / "adapter"), str(base)]
    root = Path(__file__).parents[3]
    settings = {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "HOME": str(tmp_path), "ACCELERATE_USE_CPU": "true"}
    ran = subprocess.run(
        [sys.executable, *launch, *arguments], cwd=root, capture_output=True, text=True, check=False, timeout=500,
        env={"PATH": "/usr/bin:/bin", **settings},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    lines = (tmp_path / "adapter" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines].count("step") == 12
    with EntailmentReranker.from_pretrained(tmp_path / "adapter", device="cpu") as reranker:
        assert reranker.score([(table.parent / "red.png", "a red card")]).sum() == pytest.approx(1)


def test_rows_of_the_held_out_table_name_their_pictures(trained: Outcome) -> None:
    with (trained.folder / "train.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all((trained.folder / row["image_path"]).is_file() for row in rows)
    assert isinstance(read_pairs(trained.folder / "train.csv").pairs[0], LabelledPair)
