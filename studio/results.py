"""What was measured and delivered: checks, scores, traces and files."""

from __future__ import annotations

from studio.values import Value


class Check(Value):
    """One measurement. `value` and `limit` are in the unit that `message` names."""

    id: str
    passed: bool
    value: float | str
    limit: float | str
    message: str
    fix: str = ""


class Score(Value):
    checks: tuple[Check, ...]

    @property
    def passed(self) -> int:
        return sum(check.passed for check in self.checks)

    @property
    def tested(self) -> int:
        return len(self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.passed)


class Trace(Value):
    """What one ad really shows of the brand, for comparing a batch: flat colours as measured (sRGB 0–255) by kind and
    hex, the logo as (variant, share off its planned size, CIEDE2000 off the kit's drawing), the type families."""

    format_id: str
    layout: str
    flats: dict[str, tuple[float, float, float]]
    logo: tuple[float, ...] = ()
    logo_planned_px: float = 0.0
    """The logo's width as laid out; 0 where it was not found."""
    faces: tuple[str, ...] = ()
    scene_off: float | None = None
    """CIEDE2000 from the scene's farthest dominant colour to the nearest of the kit's; none without a scene."""


class AdFile(Value):
    """One delivered ad."""

    file: str
    ad_id: str
    shot_id: str | None
    format_id: str
    variant: int
    width_px: int
    height_px: int
    bytes: int
    painter: str
    score: Score
    grown: float = 1.0
    """How much the upscaler grew the painted picture for this format; 1 where it did not."""
    omitted: tuple[str, ...] = ()
    """Words fields this layout leaves out in this format, because there is no room for them."""
    seconds: float = 0.0
    """Laying out, drawing and encoding."""
    score_seconds: float = 0.0
    trace: Trace | None = None
