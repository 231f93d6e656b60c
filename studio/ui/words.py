"""Numbers in a designer's words."""

from __future__ import annotations

from studio.products import CLEAN, SURE


def sureness(confidence: float) -> str:
    """How sure a cut-out is, 0–1."""
    said = "clean" if confidence >= CLEAN else "fair, check the edge" if confidence >= SURE else "unsure, mend it"
    return f"{confidence:.0%} sure: {said}"
