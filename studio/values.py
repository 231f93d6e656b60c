"""The base of all values: frozen, strict, equal by content, with an id made of it, and read with errors that help."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from studio.errors import BadInput

Hex = Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def canonical(self) -> str:
        """Every field as JSON with sorted keys: what the id is made of."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @property
    def content_id(self) -> str:
        """The first 16 hex digits of the SHA-256 of the canonical content."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:16]


V = TypeVar("V", bound=Value)


def read_value(kind: type[V], data: Any, source: str) -> V:
    """`data` checked as a `kind`. Raises `BadInput` naming `source`, the field's path and what was expected."""
    if not isinstance(data, dict):
        raise BadInput(f"{source}: expected a table of fields, got {type(data).__name__}")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(str(part) for part in first["loc"]) or "(top level)"
        if first["type"] == "extra_forbidden":
            known = ", ".join(sorted(kind.model_fields))
            raise BadInput(f"{source}: unknown field {path}", f"Known fields here: {known}") from error
        raise BadInput(f"{source}: {path}: {first['msg']}", f"Got {str(first['input'])[:80]!r}") from error
