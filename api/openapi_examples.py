"""Examples of what goes over the wire, for those documents that bring none of their own. A test reads each back."""

from __future__ import annotations

from typing import Any

IMAGE = "img_9ff616cae1d48c451f10"
ENCODER = {"name": "bundled", "dimension": 256, "fingerprint": "3f0c2f1d9a6b4e57"}
VERDICT = {"label": "entailment", "entailment": 0.939, "neutral": 0.05, "contradiction": 0.011}
HIT = {
    "id": IMAGE,
    "path": "/photos/0337.jpg",
    "score": 0.951,
    "similarity": 0.599,
    **VERDICT,
    "width": 352,
    "height": 352,
    "image_url": f"/v1/images/{IMAGE}",
    "thumbnail_url": f"/v1/images/{IMAGE}/thumbnail",
    "caption": None,
    "negative_entailment": None,
    "duplicates": [],
}
# By the name of the schema.
DOCUMENTS: dict[str, Any] = {
    "SearchResponse": {
        "hits": [HIT],
        "reranked": True,
        "degraded": None,
        "next_cursor": None,
        "collection": {"name": "photos", "images": 500, "generation": 512},
        "took_ms": {"encode": 8.1, "retrieve": 0.9, "rerank": 310.0, "total": 319.0},
    },
    "EntailmentResponse": VERDICT | {"model": "bundled"},
    "RerankResponse": {
        "id": "5f3c8a0e9d5b4f5e8c3c1a2b3c4d5e6f",
        "model": "bundled",
        "results": [{"index": 1, "relevance_score": 0.939, "entailment": VERDICT}],
        "errors": [{"index": 0, "detail": "img_0123456789abcdef0123: no such image in the collection"}],
        "degraded": None,
        "usage": {"total_tokens": 0, "images": 1},
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
    },
    "UploadAnswer": {"id": IMAGE, "path": "uploads/0337.jpg", "generation": 513, "created": True},
    "CollectionDocument": {
        "name": "photos",
        "images": 500,
        "generation": 512,
        "encoder": ENCODER,
        "index": "exact",
        "roots": ["/photos"],
        "bytes": 1_048_576,
        "examples": ["blue denim jeans"],
    },
    "ModelsDocument": {"encoder": ENCODER, "reranker": "bundled"},
    "Health": {"status": "ready"},
}
# By the path of the route, for bodies that have no schema of their own, and by media type.
BODIES: dict[str, dict[str, Any]] = {
    "/v1/entailment": {
        "application/json": {"image": IMAGE, "text": "a cup of coffee on a wooden table"},
        "multipart/form-data": {"image": "(the picture's bytes)", "text": "a cup of coffee on a wooden table"},
    },
    "/v1/explain": {
        "application/json": {"image": IMAGE, "text": "red denim jeans", "regions": True},
        "multipart/form-data": {"image": "(the picture's bytes)", "text": "red denim jeans", "regions": True},
    },
    "/v1/images": {"multipart/form-data": {"image": "(the picture's bytes)", "caption": "my desk", "tags": ["desk"]}},
}
# By the path of the route, for answers of several forms.
ANSWERS: dict[str, dict[str, Any]] = {
    "/v1/rerank": DOCUMENTS["RerankResponse"],
    "/v2/rerank": DOCUMENTS["RerankResponse"],
    "/rerank": DOCUMENTS["RerankResponse"],
}
# By the name of the parameter in the path.
PARAMETERS: dict[str, Any] = {"image_id": IMAGE}
METRICS = 'veralens_requests_total{code="200",route="/v1/search"} 17.0\n'
