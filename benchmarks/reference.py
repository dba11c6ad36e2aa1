"""The reference implementation of OFA visual entailment (modelscope's), run by a Python that has it: see README.md."""

from __future__ import annotations

import sys
import types
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from PIL import Image

# Imported by the reference beside its visual entailment, for speech and for GPUs, and not to be had for this Python.
ABSENT = frozenset({"fairseq", "torchaudio", "librosa", "soundfile", "decord"})


class Reference:
    """Modelscope's ``OfaForAllTasks`` with its preprocessor, one pair at a time: its batches change answers."""

    def __init__(self, directory: Path) -> None:
        if not any(isinstance(finder, _Stubs) for finder in sys.meta_path):
            sys.meta_path.insert(0, _Stubs())
        from modelscope.models.multi_modal import ofa_for_all_tasks
        from modelscope.preprocessors.ofa.utils.collate import collate_fn
        from modelscope.preprocessors.ofa.visual_entailment import OfaVisualEntailmentPreprocessor

        self.model = ofa_for_all_tasks.OfaForAllTasks(str(directory))
        self.model.eval()
        self._preprocess = OfaVisualEntailmentPreprocessor(self.model.cfg, str(directory))
        self._collate = collate_fn
        self._softmax = _RecordedSoftmax()
        ofa_for_all_tasks.F = self._softmax

    def probabilities(self, image: Image.Image | str, hypothesis: str, premise: str | None = None) -> list[float]:
        """Yes, maybe and no for a picture or its path; ``premise`` is what the reference calls ``text2``."""
        import torch

        with torch.inference_mode():
            self.model(self._batch(image, hypothesis, premise))
        row = self._softmax.last[0].tolist()
        # The order of the answer table is the order of the row.
        by_answer = {self.model.index2ans[index]: value for index, value in enumerate(row)}
        return [by_answer[answer] for answer in ("yes", "maybe", "no")]

    def _batch(self, image: Image.Image | str, hypothesis: str, premise: str | None) -> Any:
        data: dict[str, Any] = {"image": image, "text": hypothesis}
        if premise is not None:
            data["text2"] = premise
        tokenizer = self._preprocess.tokenizer
        return self._collate([self._preprocess(data)], tokenizer.pad_token_id, tokenizer.eos_token_id)


class _RecordedSoftmax:
    """Stands for ``torch.nn.functional`` in the reference, which returns the largest of its probabilities alone."""

    last: Any = None

    def softmax(self, logits: Any, dim: int) -> Any:
        self.last = logits.softmax(dim=dim)
        return self.last


class _Stub(types.ModuleType):
    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class _Stubs(MetaPathFinder, Loader):
    """Answers imports of what is absent with modules of empty classes."""

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] in ABSENT else None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return _Stub(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass
