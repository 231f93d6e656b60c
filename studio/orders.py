"""What is ordered and what came of it: wishes, a planned job, a run's report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, get_args

from pydantic import Field, model_validator

from engines.base import Offer
from studio.ad import compose
from studio.brand.kit import LoadedKit
from studio.brief.plan import Plan, Recipes
from studio.brief.rows import RowError
from studio.composition import Effort
from studio.desk.jobs import Finished
from studio.errors import BadInput
from studio.model import Brief
from studio.picture import make
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
    fallbacks: tuple[str, ...] = ()
    """Why pictures were painted without an engine that was built for them."""
    unread: tuple[str, ...] = ()
    """Words of the prompts that the painter does not know."""


@dataclass(frozen=True)
class Wishes:
    """What the command line or the form may set over the brief."""

    product: Path | None = None
    engine: str = "stage"
    count: int | None = None
    seed: int | None = None
    formats: tuple[str, ...] = ()
    steps: int | None = None
    """Of the painter's own kind; as many as `effort` means to it when None."""
    upscaler: str = "light"
    cutout: str = "auto"
    """What frees a product photo that still has its background."""
    effort: Effort = "normal"
    styles: Path | None = None
    """Another tool's `styles.csv`, whose styles are looks for this job."""


def recipes_of(painter: Offer, wishes: Wishes) -> tuple[Recipes, tuple[str, ...]]:
    """What a painter brings to every shot, and what of the wishes it has no such thing for."""
    can = painter.capabilities
    steps, notes = wishes.steps or can.steps.get(wishes.effort), ()
    if steps is None:
        steps = can.steps["normal"]
        notes = (f"Effort {wishes.effort}: {painter.id} knows {', '.join(can.steps)}; painted as normal",)
    recipes = Recipes(
        engine=painter.id, takes_prompt=can.prompt, steps=steps, picture=make.RECIPE, ad=compose.RECIPE,
        upscaler=wishes.upscaler, model=painter.recipe, guidance=can.guidance, heeds_avoid=can.avoid,
    )  # fmt: skip
    return recipes, notes


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


def read_effort(word: str) -> Effort:
    """An effort by its name. Raises `BadInput` naming the three."""
    for effort in get_args(Effort):
        if word.strip().lower() == effort:
            return effort
    raise BadInput(f"There is no effort called {word}", f"Expected {', '.join(get_args(Effort))}")


def read_view(size: str, samples: int, seed: int) -> View:
    """A view from `1200x628`, samples a pixel and a seed. Raises `BadInput`."""
    width, _, height = size.lower().replace("×", "x").partition("x")
    wanted = {"width_px": width, "height_px": height, "samples": samples, "seed": seed}
    return read_value(View, wanted, "--size (expected e.g. 1200x628)")
