"""The plain model under LoRA: what is trained, and the pass from image tokens and prompts to logits."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from rerank.adapters import model_fingerprint
from rerank.errors import InputError
from rerank.finetune.settings import FinetuneSettings
from rerank.ofa.config import TaskConfig
from rerank.ofa.entailment import ANSWERS, IMAGE_SIDE, answer_token, read_model
from rerank.ofa.model import Biases, OFAModel
from rerank.ofa.preprocess import text_to_tokens
from rerank.ofa.tokenizer import Tokenizer
from rerank.weights import resolve

if TYPE_CHECKING:
    from peft import PeftModel

# Prompts are padded to a multiple of this, so that few lengths, and few sets of position biases, occur.
LENGTH_STEP = 8
BIAS_BYTES = 2**30
NO_PEFT = "fine-tuning needs peft, which is not installed: pip install 'veralens[finetune]'"


@dataclass
class Base:
    """A base model as it is trained: plain modules, with what prepares its inputs."""

    name: str
    directory: Path
    model: OFAModel
    task: TaskConfig
    tokenizer: Tokenizer
    fingerprint: str

    @classmethod
    def load(cls, name: str, *, download: bool = True) -> Base:
        """Load what ``EntailmentReranker.from_pretrained`` would, but fit for training."""
        directory = resolve(name, download=download)
        model, task, tokenizer = read_model(directory)
        return cls(name, directory, model.eval(), task, tokenizer, model_fingerprint(model))

    @property
    def answers(self) -> Tensor:
        """Token ids of the answers in the order of ``LABELS``."""
        return torch.tensor([answer_token(answer, self.tokenizer) for answer in ANSWERS])

    def prompt(self, hypothesis: str, premise: str | None) -> list[int]:
        """The prompt as token ids, exactly as at inference."""
        special = (self.model.config.bos_token_id, self.model.config.eos_token_id)
        return text_to_tokens(hypothesis, premise, self.task, self.tokenizer, special)


def with_lora(base: Base, settings: FinetuneSettings) -> PeftModel:
    """``base.model`` wrapped by peft: only the adapter's parameters, and the head's if asked, are trained.

    Raises:
        InputError: peft is missing, or the targets fit nothing that can be trained here.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise InputError(NO_PEFT) from error
    model = base.model
    chosen = target_names(model, settings.targets)
    config = LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,  # type: ignore[arg-type]
        lora_dropout=settings.dropout,
        target_modules=chosen,
        modules_to_save=head_names(model) if settings.head else None,
        base_model_name_or_path=base.name,
    )
    # What peft writes says which base it is: it asks the model for its name, as transformers' have one.
    model.__dict__["name_or_path"] = base.name
    return get_peft_model(model, config)


def target_names(model: OFAModel, targets: Sequence[str]) -> list[str]:
    """The linear layers that ``targets`` (ends of names) mean; InputError for one that fits none.

    Those of the image side are refused: images are encoded once before training, and their tokens are kept.
    """
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    chosen: list[str] = []
    for target in targets:
        fitting = [name for name in linear if name == target or name.endswith("." + target)]
        if not fitting:
            ends = sorted({name.rpartition(".")[2] for name in linear if not _of_image_side(name)})
            raise InputError(f"targets: no linear layer is called {target!r}; there are {', '.join(ends)}")
        if any(_of_image_side(name) for name in fitting):
            raise InputError(f"targets: {target!r} lies on the image side, which is not trained")
        chosen += fitting
    return sorted(set(chosen))


def _of_image_side(layer: str) -> bool:
    return IMAGE_SIDE.match(layer + ".") is not None


def head_names(model: OFAModel) -> list[str]:
    """The head: the decoder's last feed-forward block, the norm before it, and the final norm.

    OFA has no classifier of its own. Answers are read at the last position of the decoder by rows of the
    word embedding, which the input shares; this is what stands between the last attention and that reading.
    """
    last = len(model.decoder.layers) - 1
    return [f"decoder.layers.{last}.final_layer_norm", f"decoder.layers.{last}.ffn", "decoder.layer_norm"]


class PairLogits:
    """Image tokens and prompts to logits through a model in training, with position biases kept by length."""

    def __init__(self, base: Base, device: torch.device, dtype: torch.dtype) -> None:
        self._plain = base.model
        self._answers = base.answers.to(device)
        self._temperature = base.task.temperature
        self._pad = base.model.config.pad_token_id
        self._longest = base.model.config.max_position_embeddings
        self._device, self._dtype = device, dtype
        self._biases: OrderedDict[int, Biases] = OrderedDict()

    def __call__(self, model: Any, image: Tensor, prompts: Sequence[Sequence[int]]) -> Tensor:
        """Image tokens (batch, cells, d_model) and a prompt for each to logits (batch, 3), as inference scales them."""
        longest = max(map(len, prompts))
        length = max(longest, min(-(-longest // LENGTH_STEP) * LENGTH_STEP, self._longest))
        tokens = torch.full((len(prompts), length), self._pad, dtype=torch.long)
        for row, ids in zip(tokens, prompts, strict=True):
            row[: len(ids)] = torch.tensor(ids)
        biases = self._biases_for(image.shape[1], length)
        logits: Tensor = model(image.to(self._device), tokens.to(self._device), self._answers, biases)
        return logits.float() / self._temperature

    def _biases_for(self, cells: int, length: int) -> Biases:
        # Positions are not trained, so these do not change.
        if length not in self._biases:
            with torch.no_grad():
                made = self._plain.biases(cells, length, self._dtype)
            self._biases[length] = made
            room = max(1, BIAS_BYTES // max(1, sum(bias.nbytes for bias in made.encoder)))
            while len(self._biases) > room:
                self._biases.popitem(last=False)
        self._biases.move_to_end(length)
        return self._biases[length]


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """The parameters that are trained, by name, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in model.named_parameters() if value.requires_grad}


def load_trained(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Put ``trained_state`` back."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.requires_grad:
                value.copy_(state[name])


def trained_parameters(model: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(value.numel() for value in model.parameters() if value.requires_grad)
