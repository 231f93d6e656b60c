"""Pictures with known outlines for the cut-out network, all made here: drawn things over drawn places.

Things and places are drawn once into a pool (`python -m engines.nano.cutout_data --out POOL`) and put together anew for
every step: another place, size, light, shadow, focus and camera. What counts as the subject is large, near the middle
and in focus; smaller, blurred or cut-off things are there to be left out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.base import Pixels, Plane

from .cutout_backdrops import BACKDROPS
from .cutout_creatures import ANIMALS, PEOPLE, bust, sitter, walker
from .cutout_objects import GOODS
from .cutout_shapes import Array, Rng, cloud, drawn, ragged, vec
from .cutout_vehicles import VEHICLES, plane

SIZE_PX = 160
LEAST_COVER, MOST_COVER = 0.02, 0.7
THING_PX, PLACE_PX = 192, 208
KINDS = (GOODS, ANIMALS, PEOPLE, VEHICLES)
KIND_SHARES = (0.5, 0.22, 0.14, 0.14)
PLACES = tuple(maker.__name__ for maker in BACKDROPS)
# How likely a thing of each kind stands in each place, in the order of PLACES.
STAGED = {
    "goods": (6, 3, 2.6, 0.7, 0.5, 0.6, 0.5, 0.2, 0.8, 0.8), "animal": (0.7, 0.7, 0.2, 5, 2.5, 2, 0.3, 0.6, 0.6, 0.5),
    "person": (1.5, 1.5, 0.6, 2, 1, 1.2, 2, 0.7, 0.6, 0.7), "vehicle": (1, 0.5, 0.2, 3, 0.7, 1.5, 3, 0.6, 0.5, 0.5),
    "plane": (0.6, 0.1, 0.1, 1, 0.1, 0.1, 0.5, 4, 0.2, 0.5),
}  # fmt: skip
CLASSES = tuple(STAGED)
BUST = 16
STUDIO, TABLE, LAND = (PLACES.index(name) for name in ("studio", "tabletop", "landscape"))


@dataclass(frozen=True, eq=False)
class Pool:
    """`things` N×192×192×4, colour times alpha, and `kinds` N (index into `CLASSES`, + `BUST` for busts);
    `places` M×208×208×3 and `place_kinds` M (index into `PLACES`). All `uint8`."""

    things: Pixels
    kinds: NDArray[np.uint8]
    places: Pixels
    place_kinds: NDArray[np.uint8]

    @classmethod
    def made(cls, seed: int, things: int, places: int) -> Pool:
        """Draw a pool. The same numbers give the same pool."""
        drawn_things = [thing(np.random.default_rng([seed, 1, index])) for index in range(things)]
        drawn_places = [place(np.random.default_rng([seed, 2, index])) for index in range(places)]
        return cls(
            np.stack([rgba for rgba, _ in drawn_things]), np.array([kind for _, kind in drawn_things], np.uint8),
            np.stack([rgb for rgb, _ in drawn_places]), np.array([kind for _, kind in drawn_places], np.uint8),
        )  # fmt: skip

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in vars(self).items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Pool:
        """A saved pool. Raises `FileNotFoundError`."""
        names = ("things", "kinds", "places", "place_kinds")
        return cls(*(np.load(folder / f"{name}.npy", allow_pickle=False) for name in names))


def thing(rng: Rng) -> tuple[Pixels, int]:
    """One thing, 192×192×4, colour times alpha, and its kind."""
    group = int(rng.choice(len(KINDS), p=KIND_SHARES))
    makers, weights = list(KINDS[group]), np.array(list(KINDS[group].values()))
    maker = makers[int(rng.choice(len(makers), p=weights / weights.sum()))]
    rgba = drawn(rng, maker(rng), THING_PX)
    if (maker in (walker, sitter) and rng.random() < 0.75) or rng.random() < 0.06:
        rgba = ragged(rng, rgba, rng.uniform(0.5, 1.8))
    speckle = cloud(rng, THING_PX, rng.uniform(0.2, 1.0))[..., None] - 0.5
    rgba[..., :3] = np.clip(rgba[..., :3] * (1 + rng.uniform(0, 0.35) * speckle), 0, 1) * rgba[..., 3:]
    kind = CLASSES.index("plane") if maker is plane else group + BUST * (maker is bust)
    return _bytes(rgba), kind


def place(rng: Rng) -> tuple[Pixels, int]:
    """One place, 208×208×3, and its kind."""
    weights = np.array(list(BACKDROPS.values()))
    kind = int(rng.choice(len(BACKDROPS), p=weights / weights.sum()))
    return _bytes(list(BACKDROPS)[kind](rng, PLACE_PX)), kind


def _bytes(picture: Array) -> Pixels:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


# ------------------------------------------------------------------------------------------------ putting together


def composite(rng: Rng, pool: Pool, size: int = SIZE_PX) -> tuple[Pixels, Plane]:
    """One picture, size × size × 3 `uint8`, and its subject's alpha, size × size, 0–1."""
    # 1. The place, with things in it that are not the subject, out of focus as often as not
    first = int(rng.integers(len(pool.things)))
    kind = int(pool.kinds[first])
    scene, where = _scene(rng, pool, kind % BUST, size)
    small = [_strewn(rng, pool, size) for _ in range(int(rng.choice([0, 1, 2, 5], p=[0.5, 0.2, 0.2, 0.1])))]
    for rgba in small:
        scene = rgba[..., :3] + scene * (1 - rgba[..., 3:])
    focus = rng.choice([0.0, rng.uniform(0.4, 2), rng.uniform(2, 7)], p=[0.5, 0.3, 0.2]) if where != STUDIO else 0.0
    scene = cv2.GaussianBlur(scene, (0, 0), float(focus) * size / SIZE_PX) if focus else scene
    # 2. The subject: one thing, seldom two or three
    rgba = _subject(rng, pool, first, size)
    for _ in range(20):
        if LEAST_COVER < rgba[..., 3].mean() < MOST_COVER:
            break
        rgba = _subject(rng, pool, int(rng.integers(len(pool.things))), size)
    alpha = rgba[..., 3]
    colour = _lit(rng, rgba[..., :3] / np.maximum(alpha, 1e-3)[..., None], alpha, scene)
    # 3. Its shadow or its mirror image, then itself, its feet perhaps in the grass
    scene = _shaded(rng, scene, alpha, where)
    if where == STUDIO and rng.random() < 0.08:
        scene = _mirrored(rng, scene, colour, alpha)
    if where == LAND and rng.random() < 0.5 and kind != CLASSES.index("plane"):
        alpha = _overgrown(rng, alpha)
    if rng.random() < 0.6:
        alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.3, 0.9)), np.float32)
    picture = _laid(scene, colour, alpha).astype(np.float32)
    # 4. The camera
    return _photographed(rng, picture), np.clip(alpha, 0, 1)


def _scene(rng: Rng, pool: Pool, kind: int, size: int) -> tuple[Array, int]:
    """A place that suits the kind, cut to size, mirrored, in other colours; and which kind of place it is."""
    wanted = np.array(STAGED[CLASSES[kind]])
    tries = rng.integers(len(pool.places), size=12)
    weights = wanted[pool.place_kinds[tries]] / np.array(list(BACKDROPS.values()))[pool.place_kinds[tries]]
    chosen = int(tries[int(rng.choice(len(tries), p=weights / weights.sum()))])
    full = pool.places[chosen]
    side = int(rng.integers(int(0.6 * PLACE_PX), PLACE_PX + 1))
    top, left = rng.integers(PLACE_PX - side + 1, size=2)
    cut = full[top : top + side, left : left + side]
    scene = cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    scene = np.ascontiguousarray(scene[:, ::-1]) if rng.random() < 0.5 else scene
    grey = _grey(scene)
    scene = grey + np.float32(rng.uniform(0.4, 1.2)) * (scene - grey)
    light = rng.uniform(0.95, 1.12) if pool.place_kinds[chosen] == STUDIO else rng.uniform(0.7, 1.2)
    return scene * np.float32(light), int(pool.place_kinds[chosen])


def _warped(rng: Rng, rgba: Pixels, size: int, long: float, centre: tuple[float, float], turn: float) -> Array:
    """A thing, its longest side about `long` (of the picture's), at `centre`, turned by `turn` degrees."""
    scale = long * size / THING_PX
    matrix = cv2.getRotationMatrix2D((THING_PX / 2, THING_PX / 2), turn, scale)
    flip = -1 if rng.random() < 0.5 else 1
    stretch = np.exp(rng.normal(0, 0.1))
    matrix = np.diag([flip * stretch, 1 / stretch]) @ (matrix[:, :2] @ np.c_[np.eye(2), [-THING_PX / 2, -THING_PX / 2]])
    matrix[:, 2] += np.array(centre) * size
    if scale < 0.6:
        rgba = np.asarray(cv2.GaussianBlur(rgba, (0, 0), 0.35 / scale), np.uint8)
    return cv2.warpAffine(rgba, matrix, (size, size), flags=cv2.INTER_LINEAR).astype(np.float32) / 255


def _strewn(rng: Rng, pool: Pool, size: int) -> Array:
    """A thing that is no subject: small, or cut by the frame."""
    rgba = pool.things[int(rng.integers(len(pool.things)))]
    if rng.random() < 0.5:
        at, long = (rng.random(), rng.random()), rng.uniform(0.06, 0.25)
    else:
        side, along = rng.choice([0.0, 1.0]), rng.random()
        at, long = ((side, along) if rng.random() < 0.75 else (along, side)), rng.uniform(0.15, 0.5)
    return _warped(rng, rgba, size, long, at, rng.normal(0, 12))


def _subject(rng: Rng, pool: Pool, first: int, size: int) -> Array:
    kind = int(pool.kinds[first])
    count = int(rng.choice([1, 2, 3], p=[0.88, 0.08, 0.04])) if kind < BUST else 1
    long = rng.uniform(0.4, 0.95) if rng.random() < 0.85 else rng.uniform(0.95, 1.4)
    centre = np.clip(rng.normal(0.5, 0.09, 2) + vec(0, 0.03), 0.25, 0.75)
    if long < 0.95 and rng.random() < 0.85:  # Most subjects are whole.
        centre = np.clip(centre, long / 2, 1 - long / 2)
    if kind >= BUST:
        centre[1] = 1.05 - long * 0.45 if rng.random() < 0.85 else centre[1]
    turn = rng.uniform(-180, 180) if kind == 0 and rng.random() < 0.15 else rng.normal(0, 6)
    if count == 1:
        return _warped(rng, pool.things[first], size, long, (centre[0], centre[1]), turn)
    made, alike = np.zeros((size, size, 4), np.float32), np.flatnonzero(pool.kinds == kind)
    for index in range(count):
        chosen = first if index == 0 or rng.random() < 0.4 else int(alike[int(rng.integers(len(alike)))])
        aside = (index - (count - 1) / 2) * long * rng.uniform(0.25, 0.6)
        at, share = (centre[0] + aside, centre[1] + rng.normal(0, 0.06)), long * rng.uniform(0.45, 0.75)
        over = _warped(rng, pool.things[chosen], size, share, at, turn + rng.normal(0, 5))
        made = over + made * (1 - over[..., 3:])
    return made


def _laid(below: Array, colour: Array, alpha: Plane) -> Array:
    return below + alpha[..., None] * (colour - below)


def _grey(picture: Array) -> Array:
    return cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)[..., None]


def _lit(rng: Rng, colour: Array, alpha: Plane, scene: Array) -> Array:
    """The subject in the light of the place; seldom nearly in its colours."""
    around = np.array(cv2.mean(scene)[:3], np.float32)
    tint = around / max(float(around.mean()), 0.05)
    colour = np.clip(colour, 0, 1)
    colour = colour * (1 + np.float32(rng.uniform(-0.45, 0.6)) * (1 - colour))
    colour = colour * (1 + rng.uniform(0, 0.3) * (tint - 1)).astype(np.float32) * np.float32(rng.uniform(0.75, 1.25))
    if rng.random() < 0.07:
        own = (colour * alpha[..., None]).sum((0, 1)) / max(float(alpha.sum()), 1)
        colour = colour + np.float32(rng.uniform(0.4, 0.85)) * (around - own)
    y = np.linspace(-1, 1, len(colour), dtype=np.float32)[:, None, None]
    return np.clip(colour * (1 + np.float32(rng.normal(0, 0.12)) * y), 0, 1)


def _shaded(rng: Rng, scene: Array, alpha: Plane, where: int) -> Array:
    """A cast shadow (the outline laid over to one side) and a contact shadow under the lowest parts."""
    size = len(scene)
    if rng.random() > (0.85 if where in (STUDIO, TABLE) else 0.55):
        return scene
    rows = np.flatnonzero(alpha.max(1) > 0.5)
    if not len(rows):
        return scene
    foot, lie = float(rows[-1]), rng.uniform(0.0, 0.35) * rng.choice([1, -1], p=[0.7, 0.3])
    lean = rng.normal(0, 0.5)
    cast = _moved(alpha, [[1, lean, -lean * foot], [0, lie, foot * (1 - lie)]])
    if rng.random() < 0.3:  # flat on what it lies on
        cast = _moved(alpha, [[1, 0, rng.normal(0, 0.02) * size], [0, 1, rng.uniform(-0.01, 0.04) * size]])
    cast = cv2.GaussianBlur(cast, (0, 0), rng.uniform(0.01, 0.06) * size) * rng.uniform(0.1, 0.6)
    touch = cv2.GaussianBlur(_moved(alpha, [[1, 0, 0], [0, 0.08, foot * 0.92]]), (0, 0), 0.012 * size)
    dark = np.clip(np.maximum(cast, touch * rng.uniform(0, 0.7)), 0, 0.9)
    return scene * (1 - dark[..., None])


def _moved(picture: Array, matrix: Sequence[Sequence[float]]) -> Array:
    return cv2.warpAffine(picture, np.array(matrix, np.float32), picture.shape[1::-1])


def _mirrored(rng: Rng, scene: Array, colour: Array, alpha: Plane) -> Array:
    rows = np.flatnonzero(alpha.max(1) > 0.5)
    foot = 2.0 * (rows[-1] if len(rows) else len(scene))
    both = _moved(np.dstack([colour, alpha]), [[1, 0, 0], [0, -1, foot]])
    return _laid(scene, both[..., :3], both[..., 3] * np.float32(rng.uniform(0.05, 0.35)))


def _overgrown(rng: Rng, alpha: Plane) -> Plane:
    """Blades of grass before the lowest part of the subject."""
    size = len(alpha)
    rows = np.flatnonzero(alpha.max(1) > 0.5)
    if not len(rows) or rows[-1] > size - 3:
        return alpha
    blades = cv2.GaussianBlur(rng.normal(size=(size, size)).astype(np.float32), (0, 0), 0.8, sigmaY=4)
    height = rng.uniform(0.02, 0.1) * size
    above = (int(rows[-1]) - np.arange(size, dtype=np.float32))[:, None] / height
    return alpha * np.clip((above + 2.5 * blades / (blades.std() + 1e-6) * 0.35) * 3, 0, 1)


def _photographed(rng: Rng, picture: Array) -> Pixels:
    """Levels, white balance, exposure, contrast, saturation, vignette, softness or sharpening, noise, JPEG."""
    size = len(picture)
    if rng.random() < 0.6:  # Most photos use the whole range.
        low, high = np.percentile(picture[::4, ::4], (1, 99))
        low, high = rng.uniform(0, 1) * low, high + rng.uniform(0, 1) * (1 - high)
        picture = (picture - np.float32(low)) / np.float32(max(high - low, 0.2))
    picture = picture * (1 + rng.normal(0, 0.04, 3)).astype(np.float32) * np.float32(np.exp(rng.normal(0, 0.12)))
    middle, contrast = np.float32(picture[::4, ::4].mean()), np.float32(np.exp(rng.normal(0.05, 0.15)))
    grey = _grey(picture)
    colourful = np.float32(rng.uniform(0.75, 1.4) if rng.random() < 0.96 else 0.0)
    picture = middle + contrast * (grey + colourful * (picture - grey) - middle)
    if rng.random() < 0.3:
        y, x = np.mgrid[:size, :size].astype(np.float32) / size - 0.5
        picture = picture * (1 - np.float32(rng.uniform(0.2, 1.2)) * (x**2 + y**2))[..., None]
    soft = rng.random()
    if soft < 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 0.8))
    elif soft < 0.55:
        picture = picture + np.float32(rng.uniform(0.2, 0.8)) * (picture - cv2.GaussianBlur(picture, (0, 0), 1.0))
    if rng.random() < 0.4:
        strength = np.float32(0.003 * 12 ** rng.random())
        picture = picture + strength * rng.standard_normal(picture.shape, np.float32)
    table = (np.linspace(0, 1, 256) ** np.exp(rng.normal(-0.05, 0.22)) * 255).round().astype(np.uint8)
    made = cv2.LUT(_bytes(picture), table)
    if rng.random() < 0.35:
        _, file = cv2.imencode(".jpg", made, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 96))])
        made = cv2.imdecode(file, cv2.IMREAD_COLOR)
    return np.asarray(made, np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the folder the pool goes to")
    parser.add_argument("--things", type=int, default=5000)
    parser.add_argument("--places", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    started = time.perf_counter()
    Pool.made(options.seed, options.things, options.places).save(options.out)
    print(f"{options.things} things, {options.places} places in {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
