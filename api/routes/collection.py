"""``/v1/collection`` and ``/v1/models``: what is served."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

from api.dependencies import EngineNeeded, SettingsNeeded, problems
from api.schemas import CollectionDocument, EncoderDocument, ModelsDocument

router = APIRouter(tags=["collection"], responses=problems(401, 503))


@router.get("/v1/collection")
def collection(engine: EngineNeeded, settings: SettingsNeeded) -> CollectionDocument:
    """What is in the collection; ``examples`` are queries worth trying on it."""
    return CollectionDocument.of(engine.info(), settings.examples)


@router.get("/v1/models")
def models(engine: EngineNeeded) -> ModelsDocument:
    """The models that answer."""
    encoder = EncoderDocument(**asdict(engine.info().encoder))
    return ModelsDocument(encoder=encoder, reranker=engine.reranker.name if engine.reranker else None)
