"""The painter `nano`: the built-in model on ONNX Runtime, with the brand's colours told and then locked."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engines.base import EngineError, Painting, PaintRequest, Pixels, Plane, Progress
from engines.diffusion import scene
from engines.diffusion.family import Work
from engines.diffusion.profile import Profile
from engines.diffusion.sets import Sets

from . import CAPABILITIES, recipe
from .asked import Asked, Tokens, asked
from .data import BUCKETS
from .lock import locked
from .maps import Pass, passes, seen, shrunk
from .palettes import ROLES
from .sessions import LOOKS, Nets, Residuals, Told
from .steps import Begun, first_step, sample

FACTOR, CHANNELS = 16, 16
"""How much smaller a latent is than its picture, a side, and how deep."""
MULTIPLE_PX, BATCH = 64, 8
WINDOW = 2 * BATCH
"""How many requests are staged before the first of them is painted."""
PROFILE = Profile(
    "nano", "Nano", "sdxl", CAPABILITIES.steps, guidance=CAPABILITIES.guidance, start_strength=0.75, set_strength=0.8,
    least_px=512.0, most_px=512.0, latent_px=FACTOR, sizes=BUCKETS,
)  # fmt: skip
LOCKED = ("background", "surface", "product", "second", "accent")
Grouped = tuple[Hashable, ...]


@dataclass(frozen=True, eq=False)
class _Wanted:
    """One request: what it asks, staged and in the model's terms."""

    staged: scene.Staged
    said: Asked
    passes: Sequence[Pass]

    @property
    def work(self) -> Work:
        return self.staged.work

    def group(self) -> Grouped:
        """Works of equal value are painted together."""
        work = self.work
        controls = tuple(one.alike() for one in self.passes)
        first = 0 if work.start is None else first_step(work.steps, work.strength)
        return (work.width_px, work.height_px, work.steps, first, work.start is None, work.repaint is None, controls)


class Nano:
    """One model folder. Nothing about a picture depends on what was painted before it or beside it."""

    id = "nano"
    capabilities = CAPABILITIES

    def __init__(self, folder: Path) -> None:
        self._nets, self._tokens, self._sets = Nets(folder), Tokens(folder), Sets()
        self._recipe = recipe(folder)

    def paint(self, requests: Sequence[PaintRequest], progress: Progress) -> Iterator[Painting]:
        """Yield one painting a request, in order; those alike in size and maps are painted together."""
        for first in range(0, len(requests), WINDOW):
            some = requests[first : first + WINDOW]
            yield from self._window(some, progress.part(first / len(requests), len(some) / len(requests)))

    def _window(self, requests: Sequence[PaintRequest], progress: Progress) -> Iterator[Painting]:
        # 1. Everything decided about each picture.
        staging, share = progress.part(0, 0.2), 1 / len(requests)
        wanted = [self._wanted(request, staging.part(place * share, share)) for place, request in enumerate(requests)]

        # 2. Pictures that may be painted together, the first asked for first.
        groups: dict[Grouped, list[int]] = {}
        for place, one in enumerate(wanted):
            groups.setdefault(one.group(), []).append(place)
        batches = [places[i : i + BATCH] for places in groups.values() for i in range(0, len(places), BATCH)]

        # 3. Paint, finish, hand over in the order they were asked for.
        waiting: dict[int, Painting] = {}
        due = done = 0
        for places in batches:
            part = progress.part(0.2 + 0.8 * done * share, 0.8 * len(places) * share)
            for place, painting in zip(places, self._batch([wanted[i] for i in places], part), strict=True):
                waiting[place] = painting
            done += len(places)
            while due in waiting:
                yield waiting.pop(due)
                due += 1

    def _wanted(self, request: PaintRequest, progress: Progress) -> _Wanted:
        staged = scene.prepare(request, PROFILE, MULTIPLE_PX, progress, can=CAPABILITIES, sets=self._sets)
        said = asked(request.prompt, request.palette, request.product, request.set_spec)
        return _Wanted(staged, said, passes(staged.work))

    def _batch(self, some: Sequence[_Wanted], progress: Progress) -> list[Painting]:
        started = time.perf_counter()
        progress.report(0.0, "Reading the words")
        # 1. Words, colours, references, maps.
        told = self._told(some)
        steered = self._steered(some)

        def velocity(latents: Plane, step: int, along: float) -> Plane:
            return self._nets.velocity(latents, step, told, steered(latents, step, told, along))

        # 2. Noise, a generator of its own for each picture, and what it starts from.
        begun = self._begun(some)

        # 3. Steps.
        def on_step(done: int, of: int, clean: Plane) -> None:
            progress.report(0.05 + 0.75 * done / of, f"Step {done} of {of}")
            if progress.on_preview is not None and done < of:
                progress.on_preview(self._nets.decode(_halved(clean[:1]))[0])

        latents = sample(velocity, begun, some[0].work.steps, on_step)

        # 4. Pixels, their colours locked, the product laid back.
        pixels = self._nets.decode(latents)
        seconds = (time.perf_counter() - started) / len(some)
        return [self._finished(one, picture, seconds) for one, picture in zip(some, pixels, strict=True)]

    # ---------------------------------------------------------------------------------------------------------- steps

    def _told(self, some: Sequence[_Wanted]) -> Told:
        works = [one.work for one in some]
        tokens, pooled = self._nets.words(self._tokens.ids([one.said.text for one in some]))
        slots, added = self._nets.palette(np.stack([one.said.palette for one in some]))
        sizes = [(w.height_px, w.width_px, 0, 0, w.height_px, w.width_px) for w in works]
        plain = Told.plain(np.concatenate([tokens, slots], 1), pooled + added, np.array(sizes, np.float32))
        literal = np.array([min(max(work.guidance, 1.0), 4.0) for work in works], np.float32)
        return replace(plain, guidance=literal, **self._looked(works, plain))

    def _looked(self, works: Sequence[Work], plain: Told) -> dict[str, Plane]:
        """The references' vectors, and where how much of each counts."""
        looks = plain.looks.copy()
        high, wide = works[0].height_px // FACTOR, works[0].width_px // FACTOR
        weights = np.zeros((len(works), LOOKS, high, wide), np.float32)
        for row, work in enumerate(works):
            if len(work.references) > LOOKS:
                raise EngineError(
                    f"The built-in model looks at {LOOKS} references at once, not {len(work.references)}",
                    "Take some out, or give each ad fewer.",
                )
            for place, one in enumerate(work.references):
                looks[row, place] = self._nets.look(seen(one.picture)[None])[0]
                weights[row, place] = one.weight * (1 if one.mask is None else shrunk(one.mask, high, wide))
        return {"looks": looks, "weights": weights}

    def _steered(self, some: Sequence[_Wanted]) -> Any:
        """`steered(latents, step, told, along)` gives what the maps add at a step; None where there are none."""
        rows = [one.passes for one in some]
        latent = (some[0].work.height_px // FACTOR, some[0].work.width_px // FACTOR)

        def at(latents: Plane, step: int, told: Told, along: float) -> Residuals | None:
            added: Residuals | None = None
            for together in zip(*rows, strict=True):
                if together[0].runs(along):
                    more = self._nets.control(latents, step, told, np.stack([one.planes for one in together]))
                    more = more.scaled(np.stack([one.weights(*latent) for one in together]))
                    added = more if added is None else added + more
            return added

        return at

    def _begun(self, some: Sequence[_Wanted]) -> Begun:
        works = [one.work for one in some]
        high, wide = works[0].height_px // FACTOR, works[0].width_px // FACTOR
        noise = np.stack([
            np.random.default_rng(work.seed).standard_normal((CHANNELS, high, wide), np.float32) for work in works
        ])  # fmt: skip
        starts = [work.start for work in works if work.start is not None]
        if not starts:
            return Begun(noise)
        first = first_step(works[0].steps, works[0].strength)
        masks = [shrunk(work.repaint, high, wide) for work in works if work.repaint is not None]
        repaint = np.stack(masks)[:, None] if masks else None
        return Begun(noise, self._nets.encode(np.stack(starts)), first, repaint)

    def _finished(self, one: _Wanted, pixels: Pixels, seconds: float) -> Painting:
        started = time.perf_counter()
        work, palette = one.work, one.said.palette
        rows = [row for row in map(ROLES.index, LOCKED) if palette[row, 4] > 0]
        if work.repaint is not None:  # the product is not painted, and its colours are its own
            rows = [row for row in rows if ROLES[row] != "product"]
        shares = [float(palette[row, 3]) for row in rows]
        picture, moved = locked(pixels, [palette[row, :3] for row in rows], work.repaint, shares)
        finish = scene.finish(one.staged, picture)
        for made in (finish.picture, finish.depth, finish.edges, finish.mask):
            if made is not None:
                made.setflags(write=False)
        finishing = time.perf_counter() - started
        return Painting(
            picture=finish.picture,
            seconds=seconds + finishing,
            engine=self.id,
            runtime="onnxruntime cpu",
            depth=finish.depth,
            edges=finish.edges,
            mask=finish.mask,
            facts={
                **finish.facts,
                "seed": work.seed,
                "steps": work.steps,
                "recipe": self._recipe,
                "told": one.said.text,
                "words_known": list(one.said.known),
                "words_unknown": list(one.said.unknown),
                "colours_moved": {ROLES[row]: round(by, 3) for row, by in zip(rows, moved, strict=True)},
                "stage_seconds": {"paint": round(seconds, 4), "finish": round(finishing, 4)},
            },
        )


def _halved(latents: Plane) -> Plane:
    """Latents of about the picture at half its size, a quarter of the work to decode."""
    count, deep, high, wide = latents.shape
    even = latents[..., : high // 2 * 2, : wide // 2 * 2]
    return even.reshape(count, deep, high // 2, 2, wide // 2, 2).mean((3, 5))
