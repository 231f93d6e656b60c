"""What is ordered and what came of it: wishes, a planned job, a run's report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from studio.brand.kit import LoadedKit
from studio.brief.plan import Plan
from studio.brief.rows import RowError
from studio.desk.jobs import Finished
from studio.model import Brief
from studio.products import ReadyProduct
from studio.results import Check
from studio.values import Value, read_value

MOST_SAMPLES = 2_000_000_000
"""Of one rendered set; about twenty minutes on two cores."""


class Failure(Value):
    """An ad or a row that was not made, and what to do about it."""

    what: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Prepared:
    """A job that is planned but not begun. `plans` go with `briefs`; `products` are what they show; `columns` is a
    CSV's mapping."""

    briefs: tuple[Brief, ...]
    plans: tuple[Plan, ...]
    kit: LoadedKit
    products: tuple[ReadyProduct, ...]
    errors: tuple[RowError, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What of the brief the painter does not use, and why."""


@dataclass(frozen=True)
class Report:
    """What a run came to."""

    run_id: str
    out_dir: Path
    finished: tuple[Finished, ...]
    failed: tuple[Failure, ...]
    painted: int
    reused: int
    seconds: dict[str, float]
    drift: tuple[Check, ...]
    contact_sheet: Path | None
    stopped: bool = False


@dataclass(frozen=True)
class Wishes:
    """What the command line or the form may set over the brief."""

    product: Path | None = None
    engine: str = "stage"
    count: int | None = None
    seed: int | None = None
    formats: tuple[str, ...] = ()
    steps: int = 12
    upscaler: str = "light"
    cutout: str = "auto"
    """What frees a product photo that still has its background."""


class View(Value):
    """How a set is rendered by itself."""

    @model_validator(mode="after")
    def _ends(self) -> View:
        if self.width_px * self.height_px * self.samples > MOST_SAMPLES:
            raise ValueError("size × samples is more than can be waited for; take fewer of either")
        return self

    width_px: Annotated[int, Field(ge=16, le=8192)] = 1024
    height_px: Annotated[int, Field(ge=16, le=8192)] = 1024
    samples: Annotated[int, Field(ge=1, le=1024)] = 12
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1


def read_view(size: str, samples: int, seed: int) -> View:
    """A view from `1200x628`, samples a pixel and a seed. Raises `BadInput`."""
    width, _, height = size.lower().replace("×", "x").partition("x")
    wanted = {"width_px": width, "height_px": height, "samples": samples, "seed": seed}
    return read_value(View, wanted, "--size (expected e.g. 1200x628)")
