"""What an engine is kept under: everything that changes it. Loads no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from engines.accelerate.shapes import Shape

FORMAT = 2
"""Of the sidecar and of what a key's digest is taken over."""
GRAPH_VERSION = 2
"""Of the graphs in `engines.accelerate.flat`: raised when they change for the same weights."""
Flavour = Literal["rtx", "trt", "onnx"]


@dataclass(frozen=True)
class Key:
    """Everything that changes an engine.

    `graph` names what it computes, `graph_version` how that is written down. `weights` is a digest of the part's
    weights, `loras` the SHA-256 of each LoRA that is merged in and how strongly. `shapes` are those it takes, in
    order; none are all. `version` is the builder's own, exactly. `target` is the compute capability built for (`8.9`),
    or `any`.
    """

    graph: str
    graph_version: int
    weights: str
    precision: str
    shapes: tuple[Shape, ...]
    flavour: Flavour
    version: str
    target: str
    loras: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        # A set: LoRAs add up, in whatever order they were named. 0.0 + … makes one zero of both.
        loras = tuple(sorted((digest, 0.0 + float(weight)) for digest, weight in self.loras))
        object.__setattr__(self, "loras", loras)
        object.__setattr__(self, "shapes", tuple(sorted(set(self.shapes))))

    @property
    def digest(self) -> str:
        """64 hex digits."""
        return _digest_of(self.told())

    def serves(self, wanted: Key) -> bool:
        """Whether an engine of this key is one of `wanted`, or one of these shapes and others besides."""
        same = replace(self, shapes=()) == replace(wanted, shapes=())
        return same and (not self.shapes or set(wanted.shapes) <= set(self.shapes))

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Key:
        """The key that told this. Raises `TypeError`, `KeyError` or `ValueError` for anything else."""
        shapes = tuple(Shape(**shape) for shape in told["shapes"])
        loras = tuple((str(digest), float(weight)) for digest, weight in told["loras"])
        return cls(**{**told, "shapes": shapes, "loras": loras})

    def told(self) -> dict[str, Any]:
        """Every field as JSON has it."""
        return json.loads(json.dumps(asdict(self)))


def _digest_of(value: Mapping[str, Any]) -> str:
    said = json.dumps({"format": FORMAT, **value}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()


def in_words(name: str, value: Any) -> str:
    """One field of an engine that is there, for example `for 768×1408 px`."""
    if name == "shapes":
        try:
            return f"for {', '.join(Shape(**shape).said for shape in value)}"
        except TypeError:
            return "for another size"
    words = {
        "weights": "made of other weights",
        "graph_version": "from another version of the studio",
        "loras": "with other LoRAs" if value else "without LoRAs",
        "precision": f"in {value}",
        "version": f"built by version {value}",
        "target": f"for a card of compute capability {value}",
    }
    return words.get(name, f"of another {name}")
