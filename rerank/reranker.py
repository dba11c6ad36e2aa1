"""EntailmentReranker: how probable is it that each image entails a text?"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rerank.calls import InTurns, Row, Watch, jobs_of, off_loop, ranking, rows_of
from rerank.deadline import Deadline
from rerank.errors import ImageError, InputError
from rerank.explain import Explanation, explaining
from rerank.fusion import CLIP_SCALE
from rerank.hardware import Precision, choose_device, choose_dtype
from rerank.ofa.entailment import EntailmentModel
from rerank.ofa.inference import Steps
from rerank.ordering import Ordering
from rerank.scoring import Progress, Scorer
from rerank.turns import Turns, finish
from rerank.types import Candidate, ImageSource, ImageTokens, Pair, Ranking
from rerank.weights import base_and_adapter, resolve, title_of

CACHE_BYTES = 256 * 2**20
# Pairs in one turn on a processor where several callers share the model: nobody then waits long for the next.
TURN = 8


class EntailmentReranker:
    """Judges (image, text) pairs and orders candidates with an OFA visual-entailment model.

    Thread-safe: calls from several threads take turns on the model, batch by batch. Use it as a
    context manager, or call ``close``, to free its decoding threads.
    """

    def __init__(
        self,
        model: EntailmentModel,
        name: str,
        *,
        batch_size: int | None = None,
        cache_bytes: int = CACHE_BYTES,
        decoders: int | None = None,
    ) -> None:
        for field, value in (("batch_size", batch_size), ("decoders", decoders)):
            if value is not None and value < 1:
                raise InputError(f"{field} must be at least 1, not {value}")
        self.name = name
        self.batch_size = batch_size or model.batch_size
        self.fusion_weight = model.task.fusion_weight
        self._base = name
        self._model = model
        self._cache_bytes, self._threads = cache_bytes, decoders or _decoders(model)
        self._scorer = Scorer(model, self.batch_size, cache_bytes, self._threads)

    @classmethod
    def from_pretrained(
        cls,
        name: str = "bundled",
        *,
        precision: Precision = "auto",
        device: str | None = None,
        batch_size: int | None = None,
        cache_bytes: int = CACHE_BYTES,
        decoders: int | None = None,
        compiled: bool = False,
        download: bool = True,
        adapter: str | os.PathLike[str] | None = None,
    ) -> EntailmentReranker:
        """Load ``"bundled"``, a ModelScope id, or a directory in ModelScope's layout.

        Args:
            name: what to load; see ``rerank.weights.KNOWN_MODELS``. An adapter's folder stands for its base
                model with it.
            precision: "fp32" agrees with the reference to 1e-4; "bf16" is faster where the hardware has
                it; "auto" picks bf16 there and fp32 elsewhere.
            device: a torch device, or None for the GPU where there is one.
            batch_size: pairs in one forward pass; None chooses by the model's size.
            cache_bytes: how much memory image tokens may take, so that an image seen before is not
                encoded again. 0 turns the cache off.
            decoders: threads that open and resize images ahead of the model.
            compiled: let torch.compile fuse the encoder; worth its minute or more for long runs only.
            download: whether a ModelScope id that is not on this machine may be fetched.
            adapter: the folder of an adapter that was trained on this model; see ``load_adapter``.

        Raises:
            InputError, ModelUnavailable, ModelInvalid: with the remedy.
        """
        chosen = choose_device(device)
        base, chosen_adapter = base_and_adapter(str(name), adapter)
        directory = resolve(base, download=download)
        model = EntailmentModel.from_directory(
            directory, chosen, choose_dtype(precision, chosen), Steps(compiled=compiled), chosen_adapter
        )
        title = title_of(base, chosen_adapter)
        reranker = cls(model, title, batch_size=batch_size, cache_bytes=cache_bytes, decoders=decoders)
        reranker._base = base
        if compiled:
            model.warm_up(reranker.batch_size)
        return reranker

    def load_adapter(self, adapter: str | os.PathLike[str] | None) -> None:
        """Judge with another adapter from now on, or with the base model alone (None).

        The base is read again beside the model in use, and calls under way end with the one that they began
        with. Image tokens are kept unless the adapter changes how images are encoded, which none that
        ``rerank.finetune`` makes does; position biases are built anew.

        Raises:
            InputError, ModelInvalid: no adapter is there, or it is for another base; nothing has changed then.
        """
        model = self._model.with_adapter(None if adapter is None else os.fspath(adapter))
        scorer = Scorer(model, self.batch_size, self._cache_bytes, self._threads)
        if model.image_fingerprint == self._model.image_fingerprint:
            scorer.cache = self._scorer.cache
        # The last scorer's threads end when the last call that holds it does.
        self._model, self._scorer = model, scorer
        self.name = title_of(self._base, None if adapter is None else os.fspath(adapter))

    @property
    def image_fingerprint(self) -> str:
        """Hash of what turns an image into tokens: models of one fingerprint may share ``ImageTokens``."""
        return self._model.image_fingerprint

    @property
    def turn(self) -> int:
        """Pairs in one turn where callers share the model; a GPU is not kept busy by fewer than a batch."""
        return self.batch_size if self._model.device.type == "cuda" else min(TURN, self.batch_size)

    @property
    def image_size(self) -> int:
        """Side in pixels of the square that pictures become; one of that size is taken as it is."""
        return self._model.task.patch_image_size

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides a verdict: preparation, prompts, weights. Seconds with a large model."""
        return self._model.fingerprint

    @property
    def token_shape(self) -> tuple[int, int]:
        """Shape of one image's tokens, (cells, d_model): 2 · cells · d_model bytes when kept."""
        return self._model.token_shape

    def score(self, pairs: Sequence[Pair], *, progress: Progress | None = None) -> NDArray[np.float32]:
        """Probabilities of (image, hypothesis) or (image, hypothesis, premise) pairs.

        Returns:
            float32 of shape (n, 3): entailment, neutral, contradiction; each row sums to 1.

        Raises:
            ImageError: an image cannot be read; nothing is returned for the others. ``rank`` goes on.
        """
        return self._all_scored(pairs, progress, None)

    def predict(self, pairs: Sequence[Pair], *, progress: Progress | None = None) -> NDArray[np.float32]:
        """Relevance of each pair as cross-encoders give it: the probability of entailment, float32 (n,)."""
        return self.score(pairs, progress=progress)[:, 0]

    def rank(
        self,
        query: str,
        candidates: Sequence[Candidate | ImageSource],
        top_k: int | None = None,
        *,
        fusion_weight: float = 1.0,
        similarity_scale: float = CLIP_SCALE,
        deadline_ms: float | None = None,
        progress: Progress | None = None,
    ) -> Ranking:
        """Candidates by falling probability that their image entails ``query``; ties by similarity, then order.

        Args:
            query: the hypothesis to be judged against each image.
            candidates: ``Candidate``s, or bare images, whose ids are then their positions.
            top_k: how many come back; all by default.
            fusion_weight: 1 orders by entailment; less fuses it with ``Candidate.similarity`` (see
                ``rerank.fusion``). ``self.fusion_weight`` is what the model's card recommends.
            similarity_scale: the ``logit_scale`` of the model that gave the similarities.
            deadline_ms: when to stop judging. What was judged comes first; the rest keeps stage one's
                order, and ``degraded`` of the result says so.
            progress: called with (judged, candidates) after each batch.

        A candidate whose image cannot be read comes last, with its ``error``; the others are ranked.
        """
        order = Ordering(top_k, fusion_weight, similarity_scale)
        watch = None if progress is None else lambda _, done, total: progress(done, total)
        return finish(ranking(self._scorer, query, candidates, order, Deadline(deadline_ms), watch, self.batch_size))

    def score_turns(self, pairs: Sequence[Pair], *, deadline_ms: float | None = None) -> Turns[list[Row]]:
        """``score`` in turns (see ``rerank.turns``): for each pair its row, or the exception that it failed with.

        A pair whose turn comes after the deadline fails with ``Late``.
        """
        return rows_of(
            (yield from self._scorer.scoring(jobs_of(self._model, pairs), Deadline(deadline_ms), None, self.turn))
        )

    def rank_turns(
        self,
        query: str,
        candidates: Sequence[Candidate | ImageSource],
        *,
        fusion_weight: float = 1.0,
        similarity_scale: float = CLIP_SCALE,
        deadline_ms: float | None = None,
        watch: Watch | None = None,
    ) -> Turns[Ranking]:
        """``rank`` in turns (see ``rerank.turns``); ``watch`` is called after each."""
        order = Ordering(None, fusion_weight, similarity_scale)
        return ranking(self._scorer, query, candidates, order, Deadline(deadline_ms), watch, self.turn)

    async def ascore(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """``score`` off the event loop; cancelling it stops the model after the batch at hand."""
        return await off_loop(lambda cancelled: self._all_scored(pairs, None, cancelled))

    async def apredict(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """``predict`` off the event loop."""
        return (await self.ascore(pairs))[:, 0]

    async def arank(
        self,
        query: str,
        candidates: Sequence[Candidate | ImageSource],
        top_k: int | None = None,
        *,
        fusion_weight: float = 1.0,
        similarity_scale: float = CLIP_SCALE,
        deadline_ms: float | None = None,
    ) -> Ranking:
        """``rank`` off the event loop; cancelling it stops the model after the batch at hand."""
        order = Ordering(top_k, fusion_weight, similarity_scale)
        return await off_loop(
            lambda cancelled: finish(
                ranking(self._scorer, query, candidates, order, Deadline(deadline_ms, cancelled), None, self.batch_size)
            )
        )

    def explain(
        self, image: ImageSource, text: str, premise: str | None = None, *, regions: bool = False
    ) -> Explanation:
        """The verdict on ``text`` and on each part of it, and the words that are not in the picture.

        Args:
            image, text, premise: as ``score`` takes them.
            regions: whether to find where in the picture the evidence lies, too.

        Raises:
            InputError, ImageError: the text is empty; the image cannot be read.
        """
        return finish(explaining(InTurns(self._scorer, self.batch_size), image, text, premise, regions=regions))

    def explain_turns(
        self, image: ImageSource, text: str, premise: str | None, *, regions: bool, deadline_ms: float | None
    ) -> Turns[Explanation]:
        """``explain`` in turns (see ``rerank.turns``): without regions, or ``Late``, where the deadline comes first."""
        judge = InTurns(self._scorer, self.turn, Deadline(deadline_ms))
        return explaining(judge, image, text, premise, regions=regions)

    def encode_images(self, images: Sequence[ImageSource]) -> list[ImageTokens | ImageError]:
        """Tokens to be kept and handed back in ``Candidate.tokens``; for a bad image what is wrong with it."""
        return finish(InTurns(self._scorer, self.batch_size).encode_turns(images))

    def close(self) -> None:
        """Free the decoding threads and the cache."""
        self._scorer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _all_scored(
        self, pairs: Sequence[Pair], progress: Progress | None, cancelled: threading.Event | None
    ) -> NDArray[np.float32]:
        watch = None if progress is None else lambda done, _: progress(done.done, len(pairs))
        scores = finish(self._scorer.scoring(jobs_of(self._model, pairs), Deadline(None, cancelled), watch))
        if scores.errors:
            index, error = min(scores.errors.items())
            if isinstance(error, ImageError):
                raise ImageError(error.reason, error.source or f"pair {index}") from error
            raise error
        return scores.probabilities


def _decoders(model: EntailmentModel) -> int:
    # Beside a GPU the CPU only decodes; without one it has the model to run as well.
    cores = os.cpu_count() or 1
    return min(16, cores) if model.device.type == "cuda" else min(4, max(2, cores // 2))
