"""A loaded OFA with its tokenizer: prepared images and texts in, probabilities out."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from rerank.adapters import apply_adapter, read_adapter
from rerank.errors import InputError, ModelInvalid
from rerank.ofa.checkpoint import load_weights, read_weights
from rerank.ofa.config import TaskConfig, read_ofa_config, read_task_config
from rerank.ofa.inference import ALL, Steps, prepare
from rerank.ofa.model import Biases, KeptBiases, OFAModel
from rerank.ofa.preprocess import image_to_pixels, text_to_tokens
from rerank.ofa.tokenizer import Tokenizer

# OFA's answers in the order in which probabilities are given: entailment, neutral, contradiction.
ANSWERS = ("yes", "maybe", "no")
KEPT_BIASES = 2
IMAGE_SIDE = re.compile(r"embed_images\.|encoder\.(image_proj|type_embedding|patch_layernorm_embedding)\.")


class EntailmentModel:
    """One model directory, ready to judge.

    Not thread-safe on its own: ``EntailmentReranker`` serialises calls.
    """

    def __init__(
        self,
        model: OFAModel,
        task: TaskConfig,
        tokenizer: Tokenizer,
        device: torch.device,
        dtype: torch.dtype,
        steps: Steps = ALL,
        source: Path | None = None,
    ) -> None:
        self.task = task
        self.tokenizer = tokenizer
        self.source = source
        self.device = device
        self.dtype = dtype
        self.steps = steps
        self.image_fingerprint = image_fingerprint(model, task)
        prepare(model.eval(), steps, dtype)
        self.model = model.to(device)
        self._special = (model.config.bos_token_id, model.config.eos_token_id)
        self._answers = torch.tensor([answer_token(answer, tokenizer) for answer in ANSWERS], device=device)
        self._kept: OrderedDict[tuple[int, int], KeptBiases] = OrderedDict()

    @classmethod
    def from_directory(
        cls,
        directory: Path,
        device: torch.device,
        dtype: torch.dtype,
        steps: Steps = ALL,
        adapter: str | Path | None = None,
    ) -> EntailmentModel:
        """Load a model directory in ModelScope's layout, and add an adapter; ModelInvalid when it cannot be used."""
        model, task, tokenizer = read_model(directory)
        if adapter is not None:
            apply_adapter(model, read_adapter(adapter))
        return cls(model, task, tokenizer, device, dtype, steps, directory)

    def with_adapter(self, adapter: str | Path | None) -> EntailmentModel:
        """The same base, read again, with another adapter or with none: nothing of the last one is left behind."""
        if self.source is None:
            raise InputError("adapters are loaded onto models that were read from a directory; this one was not")
        return self.from_directory(self.source, self.device, self.dtype, self.steps, adapter)

    @property
    def fingerprint(self) -> str:
        """Hash of the task's settings and of every weight, an adapter's included."""
        digest = hashlib.blake2b(repr(self.task).encode(), digest_size=16)
        for name, value in sorted(self.model.state_dict().items()):
            flat = value.detach().cpu().contiguous().reshape(-1)
            digest.update(
                f"{name} {value.dtype} {tuple(value.shape)}".encode() + flat.view(torch.uint8).numpy().tobytes()
            )
        return digest.hexdigest()

    @property
    def batch_size(self) -> int:
        """Pairs in a forward pass: 32, or 4 for a large model on a CPU.

        With the bundled model 32 took a fifth less time than 16. Of large models only 4 was measured, and a
        deadline cuts no finer than a batch; the GPU's 32 is a guess.
        """
        return 4 if self.device.type != "cuda" and self.model.config.d_model >= 512 else 32

    @property
    def token_shape(self) -> tuple[int, int]:
        """(cells, d_model) of one image's tokens."""
        stem = self.model.config.image_stem
        side = -(-self.task.patch_image_size // 16) if stem is None else stem.grid
        return side * side, self.model.config.d_model

    def warm_up(self, batch: int) -> None:
        """Judge one grey batch, so that compiling happens now and not under a query.

        Raises:
            InputError: torch.compile does not work here.
        """
        size = self.task.patch_image_size
        try:
            image = self.image_tokens([np.zeros((3, size, size), dtype=np.float32)])
            self.probabilities(image.expand(batch, -1, -1), [self.tokens("a picture")] * batch)
        except Exception as error:  # torch.compile raises whatever its backends and the C++ compiler do
            reason = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                f"compiled: torch.compile fails here ({reason}); install a C++ compiler, or leave it off"
            ) from error

    def as_tokens(self, values: NDArray[np.float16]) -> Tensor:
        """Kept image tokens (cells, d_model) as ``image_tokens`` gives them."""
        # Those of a file are read-only, which torch warns of.
        return torch.from_numpy(np.require(values, requirements="W")).to(self.device, self.dtype)

    def pixels(self, image: Image.Image) -> NDArray[np.float32]:
        """An upright RGB image to (3, size, size)."""
        return image_to_pixels(image, self.task)

    def tokens(self, hypothesis: str, premise: str | None = None) -> list[int]:
        """The prompt for a hypothesis, and the premise that goes with the image, as token ids."""
        return text_to_tokens(hypothesis, premise, self.task, self.tokenizer, self._special)

    @torch.inference_mode()
    def image_tokens(self, pixels: Sequence[NDArray[np.float32]]) -> Tensor:
        """Preprocessed images to image tokens (batch, cells, d_model), which depend on no text."""
        batch = torch.from_numpy(np.stack(pixels))
        if self.device.type == "cuda":
            batch = batch.pin_memory().to(self.device, non_blocking=True)
        batch = batch.to(next(self.model.embed_images.parameters()).dtype)
        if self.steps.channels_last:
            batch = batch.contiguous(memory_format=torch.channels_last)
        tokens: Tensor = self.model.image_tokens(batch).to(self.dtype)
        return tokens

    @torch.inference_mode()
    def probabilities(self, image: Tensor, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Image tokens (batch, cells, d_model) and one prompt for each to (batch, 3), in the order of LABELS."""
        rows = len(tokens)
        if self.steps.compiled:
            # Each batch size is compiled anew: powers of two, so that there are few.
            spare = (1 << (rows - 1).bit_length()) - rows
            image = torch.cat([image, image[:1].expand(spare, -1, -1)])
            tokens = [*tokens, *[tokens[0]] * spare]
        length = max(map(len, tokens))
        padded = torch.full((len(tokens), length), self.model.config.pad_token_id, dtype=torch.long)
        for row, ids in zip(padded, tokens, strict=True):
            row[: len(ids)] = torch.tensor(ids)
        biases = self._biases_for(image.shape[1], length)
        logits = self.model(image, padded.to(self.device), self._answers, biases)
        scaled = logits[:rows].float() / self.task.temperature
        return np.asarray(torch.softmax(scaled, dim=-1).cpu().numpy(), dtype=np.float32)

    def _biases_for(self, cells: int, length: int) -> Biases:
        # Room for the longest text that fills the sequence up: one set of biases then serves most texts.
        multiple = self.steps.sequence_multiple
        longest = -(-(cells + length) // multiple) * multiple - cells
        longest = max(length, min(longest, self.model.config.max_position_embeddings))
        key = (cells, longest)
        if key not in self._kept:
            self._kept[key] = KeptBiases(self.model.biases(cells, longest, self.dtype), cells)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT_BIASES:
            self._kept.popitem(last=False)
        return self._kept[key].fit(length)


def read_model(directory: Path) -> tuple[OFAModel, TaskConfig, Tokenizer]:
    """A model directory as a plain fp32 model on the CPU, which can still be trained or changed."""
    config = read_ofa_config(directory)
    task = read_task_config(directory)
    tokenizer = Tokenizer.from_directory(directory)
    with torch.device("meta"):
        model = OFAModel(config)
    load_weights(model, read_weights(directory), str(directory))
    return model, task, tokenizer


def image_fingerprint(model: OFAModel, task: TaskConfig) -> str:
    """Hash of all that turns an image into tokens: preparation, stem, projection and its norm."""
    digest = hashlib.blake2b(repr((task.patch_image_size, task.mean, task.std)).encode(), digest_size=16)
    for name, value in sorted(model.state_dict().items()):
        if IMAGE_SIDE.match(name):
            digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def answer_token(answer: str, tokenizer: Tokenizer) -> int:
    """The one token of an answer. The reference's trie of answers reduces to a softmax only if there is just one."""
    tokens = tokenizer.encode(" " + answer)
    if len(tokens) != 1:
        raise ModelInvalid(f"the answer {answer!r} is {len(tokens)} tokens in this vocabulary; one is expected")
    return tokens[0]
