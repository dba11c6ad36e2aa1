"""Whether a collection on disk keeps what ``docs/format.md`` promises."""

from retrieval.verification.findings import Leftover, Problem, Verification
from retrieval.verification.verify import verify_collection

__all__ = ["Leftover", "Problem", "Verification", "verify_collection"]
