"""One-click remedies for failed checks. Whatever can be tried at once is tried and measured before it is offered."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from typing import Literal, NamedTuple

from engines.base import EngineError
from studio import settings
from studio.ad import compose
from studio.again import Again, Ordered
from studio.desk.jobs import Finished
from studio.errors import BadInput, LockupError
from studio.model import AdSpec, WordField
from studio.results import Check, Score
from studio.values import Value

Kind = Literal["headline", "layout", "file", "again", "seed", "words"]
_PLACES: tuple[Kind, ...] = ("again", "headline", "layout", "words")
_SCENE: tuple[Kind, ...] = ("again", "layout", "seed")
_PACKED: tuple[Kind, ...] = ("again", "file", "layout", "seed")
_DRAWN: tuple[Kind, ...] = ("again", "file", "layout")
WAYS: dict[str, tuple[Kind, ...]] = {
    "size": ("again",), "bytes": _PACKED, "file_type": ("again", "file"),
    "words": _PLACES, "banned_words": ("headline", "words"), "text_limits": ("headline", "words"),
    "type_family": ("again",), "type_size": _PLACES, "type_spacing": ("again",), "type_place": ("again",),
    "type_color": _DRAWN, "type_contrast": _SCENE,
    "logo_present": _SCENE, "logo_drawing": _DRAWN, "logo_shape": ("again", "layout"), "logo_size": _PLACES,
    "logo_place": ("again", "layout"), "logo_color": _DRAWN, "logo_clear_space": _PLACES, "logo_contrast": _SCENE,
    "palette": ("again", "seed"), "scene_true": _PACKED, "flat_colors": _PACKED,
    "product_true": _DRAWN, "product_place": ("again", "layout", "seed"), "product_unoccluded": _PLACES,
    "safe_zone": _PLACES, "overlap": _PLACES, "nothing_added": _DRAWN, "compression": _PACKED,
}  # fmt: skip
"""What may mend a check, the gentlest first. `seed` paints and `words` asks, so neither can be tried beforehand."""
MOST_TRIES = 6


class Fix(Value):
    """A remedy for one failed check. `choice` is the headline, layout or file type it takes; `field` the words that
    are to be edited."""

    check: str
    kind: Kind
    label: str
    choice: str = ""
    field: WordField | None = None


class _Way(NamedTuple):
    fix: Fix
    spec: AdSpec


class Fixes:
    """Remedies for the failed checks of a finished ad. Each makes a new ad; the old one stays."""

    def __init__(self, again: Again) -> None:
        self.again = again

    def offered(self, run_id: str, ad_id: str) -> list[Fix]:
        """For every failed check what really mends it, or lets it be mended; a check may have none."""
        item = self.again.runs.finished(run_id, ad_id)
        tried: dict[str, Score | None] = {}
        fixes: list[Fix] = []
        for check in item.file.score.failed:
            ways = WAYS.get(check.id, ())
            found = next((w.fix for w in self._ways(run_id, item, check, ways) if self._mends(item, w, tried)), None)
            if found is not None:
                fixes.append(found)
            elif "seed" in ways and item.spec.shot_id is not None:
                fixes.append(Fix(check=check.id, kind="seed", label="Paint it again"))
            if "words" in ways and (field := self._field(item, check)):
                fixes.append(Fix(check=check.id, kind="words", label=f"Edit the {_CALLED[field]}", field=field))
        return fixes

    def apply(self, run_id: str, ad_id: str, fix: Fix) -> Ordered:
        """Make the mended ad. Raises `BadInput` when the remedy is not one for this ad."""
        item = self.again.runs.finished(run_id, ad_id)
        check = next((one for one in item.file.score.failed if one.id == fix.check), None)
        if check is None or fix.kind not in WAYS.get(fix.check, ()) or fix.kind == "words":
            raise BadInput("This is no remedy for this ad", "Reload the page.")
        if fix.kind == "seed":
            return self.again.more_like(run_id, ad_id, 1)
        for way in self._ways(run_id, item, check, (fix.kind,)):
            if way.fix.choice == fix.choice:
                shots = self.again.shots(run_id, [way.spec])
                return self.again.order(run_id, ad_id, [way.spec], shots, f"mended: {fix.check}")
        raise BadInput("This remedy is no longer there", "Reload the page.")

    def _ways(self, run_id: str, item: Finished, check: Check, kinds: tuple[Kind, ...]) -> Iterator[_Way]:
        """What could mend a check without painting."""
        spec = item.spec.model_copy(update={"recipe": compose.RECIPE})
        for kind in kinds:
            if kind == "again":
                yield _Way(Fix(check=check.id, kind="again", label="Compose it again"), spec)
            elif kind == "headline":
                for text in self._headlines(run_id, item, check):
                    words = spec.words.model_copy(update={"headline": text})
                    fix = Fix(check=check.id, kind="headline", label=f"Use “{text}”", choice=text)
                    yield _Way(fix, spec.model_copy(update={"words": words}))
            elif kind == "layout" and spec.shot_id is not None:
                names = {family.id: family.name for family in self.again.studio.presets().layouts.values()}
                for other in self.again.layouts(run_id, item.file.ad_id)[0]:
                    label = f"Set it as {names[other.layout].lower()}"
                    yield _Way(Fix(check=check.id, kind="layout", label=label, choice=other.layout), other)
            elif kind == "file":
                for other_type in spec.format.files[1:]:
                    files = (other_type, *(name for name in spec.format.files if name != other_type))
                    fmt = spec.format.model_copy(update={"files": files})
                    label = f"Deliver as {other_type.upper()}"
                    fix = Fix(check=check.id, kind="file", label=label, choice=other_type)
                    yield _Way(fix, spec.model_copy(update={"format": fmt}))

    def _headlines(self, run_id: str, item: Finished, check: Check) -> list[str]:
        """The campaign's other headlines that may stand here, the longest first."""
        spec = item.spec
        limit = spec.format.text_limits.get("headline", 10_000)
        if check.id == "text_limits" and len(spec.words.headline) <= limit:
            return []  # another field is too long
        voice = self.again.kit(spec.kit_digest).kit.voice
        if check.id == "banned_words" and not voice.banned_in(spec.words.headline):
            return []
        others = {
            one.spec.words.headline
            for one in self.again.runs.queue.results(run_id)
            if one.spec.campaign == spec.campaign and one.spec.words.headline.strip()
        } - {spec.words.headline}
        fits = [text for text in others if len(text) <= limit and not voice.banned_in(text)]
        if check.id != "banned_words":
            fits = [text for text in fits if len(text) < len(spec.words.headline)]
        return sorted(fits, key=lambda text: (-len(text), text))[:MOST_TRIES]

    def _field(self, item: Finished, check: Check) -> WordField | None:
        """The words to edit for a check."""
        spec = item.spec
        if check.id == "banned_words":
            voice = self.again.kit(spec.kit_digest).kit.voice
            return next((field for field, text in spec.words.items() if voice.banned_in(text)), None)
        if check.id == "text_limits":
            limits = spec.format.text_limits
            return next((f for f, text in spec.words.items() if len(text) > limits.get(f, len(text))), None)
        return next((field for field, _ in spec.words.items()), None)

    def _mends(self, item: Finished, way: _Way, tried: dict[str, Score | None]) -> bool:
        """Whether the check passes that way, and nothing fails that did not before."""
        key = way.spec.content_id
        if key not in tried:
            tried[key] = self._measured(way.spec)
        score = tried[key]
        if score is None:
            return False
        failed = {check.id for check in score.failed}
        return way.fix.check not in failed and failed <= {check.id for check in item.file.score.failed}

    def _measured(self, spec: AdSpec) -> Score | None:
        """The score an ad would have; None when it cannot be made."""
        folder = settings.cache(self.again.studio.home) / "tries" / secrets.token_hex(8)
        try:
            shot = self.again.shot("", spec.shot_id) if spec.shot_id else None
            return self.again.try_out(spec, shot, folder).score
        except (LockupError, EngineError):
            return None
        finally:
            shutil.rmtree(folder, ignore_errors=True)


_CALLED: dict[WordField, str] = {
    "headline": "headline", "body": "body", "action": "call to action", "price": "price", "legal": "legal line"
}  # fmt: skip
