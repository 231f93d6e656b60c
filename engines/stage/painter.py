"""The stage as a painter: one request in, one path-traced picture with its maps out."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cache
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from engines.base import EngineError, Painting, PaintRequest, Plane, Progress

from . import CAPABILITIES
from .arrange import SEEDS, Arrangement, arrange
from .colour import LUMA, to_pixels
from .develop import Film, denoise, develop, edge_map, expose, nearness, unit_normals
from .product import build_relief, colour_of, product_mask
from .scene import Scene, build_scene, set_apart
from .spec import StageSet, check_set

SAMPLES_PER_BAND = 160_000  # about a quarter of a second on one core
SMALLEST_EDGE, SMALLEST_AREA = 160, 120_000  # smaller pictures are rendered larger, then reduced
LARGEST_EDGE = 8192
MOST_PIXELS = 2_300_000  # larger pictures are traced at this size, then enlarged: soft sets forgive it
Result = TypeVar("Result")
PREVIEW_BELOW = 7  # samples a pixel
COMPILED_FROM = ("tables.py", "jit.py", "shapes.py", "rays.py", "surface.py", "lights.py", "kernel.py")


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


@cache
def tracer() -> Callable[..., None]:
    """The compiled entry, made once in a process. Its cache on disk is keyed by the sources it is made of."""
    from .kernel import build

    folder = Path(__file__).parent
    text = b"".join((folder / name).read_bytes() for name in COMPILED_FROM)
    return build(hashlib.sha256(text).hexdigest())


def trace(scene: Scene, width: int, height: int, samples: int, seed: int, progress: Progress) -> Film:
    """Fill a film band by band on all cores. Each pixel draws its own random numbers: threads change nothing."""
    film = Film.blank(width, height)
    tables = (scene.world, scene.prims, scene.materials, scene.lights, scene.grid, scene.texture)
    films = (film.colour, film.albedo, film.normal, film.first)
    addresses = [table.ctypes.data for table in (*tables, *films)]
    run = tracer()
    if not getattr(run, "signatures", True):

        def first_call(keep: object = (scene, film)) -> None:  # compiles; keeps the tables alive after a stop
            run(*addresses, width, height, 0, 0, samples, seed)

        _aside(
            first_call,
            lambda waited: progress.report(
                0.0, "Compiling the stage, once (about 20 s)" if waited > 1 else "Setting the stage"
            ),
        )
    rows = max(1, SAMPLES_PER_BAND // (width * samples))
    bands = [(top, min(top + rows, height)) for top in range(0, height, rows)]
    workers = cores()
    waiting: set[Future[None]] = set()
    done = 0
    with ThreadPoolExecutor(workers) as pool:
        try:
            for top, bottom in bands:
                waiting.add(pool.submit(run, *addresses, width, height, top, bottom, samples, seed))
                if len(waiting) > workers:
                    finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    done += sum(band.result() is None for band in finished)
                    progress.report(done / len(bands), "Lighting the set")
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                done += sum(band.result() is None for band in finished)
                progress.report(done / len(bands), "Lighting the set")
        finally:
            wait(waiting)  # the tables must outlive every band
    return film


def _aside(call: Callable[[], Result], say: Callable[[float], None]) -> Result:
    """Run a long call on a thread of its own, so that a stop is heard meanwhile. `say(seconds)` reports progress."""
    pool = ThreadPoolExecutor(1)
    started = time.perf_counter()
    try:
        running = pool.submit(call)
        while not running.done():
            wait([running], timeout=0.3)
            say(time.perf_counter() - started)
        return running.result()
    finally:
        pool.shutdown(wait=False)


class Stage:
    """Path-traced sets in the brand's own colours. Needs no weights and no GPU."""

    id = "stage"
    capabilities = CAPABILITIES

    def paint(self, requests: Sequence[PaintRequest], progress: Progress) -> Iterator[Painting]:
        """Yield one painting a request, in order."""
        for index, request in enumerate(requests):
            yield self._paint(request, progress.part(index / len(requests), 1 / len(requests)))

    def _paint(self, request: PaintRequest, progress: Progress) -> Painting:
        started, seed = time.perf_counter(), request.seed & SEEDS
        stage, arranged, scene = _built(request, progress)
        width, height = render_size(request.width_px, request.height_px)
        film = trace(scene, width, height, max(1, request.steps), seed, progress.part(0.02, 0.9))
        clean = _aside(
            lambda: denoise(film, request.steps < PREVIEW_BELOW), lambda _: progress.report(0.93, "Removing the grain")
        )
        light, gain = expose(clean, film, scene.backdrop_ids, scene.roll, stage.view.brightness)
        size = (request.width_px, request.height_px)
        picture = to_pixels(develop(light, size), seed)
        first = film.first
        if (width, height) != size:
            first = np.asarray(cv2.resize(first, size, interpolation=cv2.INTER_NEAREST), np.float32)
        progress.report(1.0, "Set painted")
        painting = Painting(
            picture=picture,
            seconds=time.perf_counter() - started,
            engine=self.id,
            runtime="numba",
            depth=nearness(first),
            normals=unit_normals(first),
            edges=edge_map(first),
            mask=product_mask(request.product, *size),
            facts={
                "set": stage.id,
                "samples": max(1, request.steps),
                "rendered_px": [width, height],
                "exposure_gain": round(gain, 4),
                "mirrored": arranged.flip < 0,
                "left_out": list(arranged.dropped),
            },
        )
        for plane in (painting.picture, painting.depth, painting.normals, painting.edges, painting.mask):
            if plane is not None:
                plane.setflags(write=False)
        return painting


def light_left(request: PaintRequest, progress: Progress) -> Plane:
    """The share of the light that the product leaves to the set, H×W `float32`, 1 where it takes none: the set lit with
    the product over the set lit without it, by the same random numbers. `request.steps` samples a pixel each."""
    size, seed = (request.width_px, request.height_px), request.seed & SEEDS
    films = []
    for index, standing in enumerate((True, False)):
        part = progress.part(index / 2, 1 / 2)
        _, _, scene = _built(request, part, standing)
        films.append(denoise(trace(scene, *size, max(1, request.steps), seed, part.part(0.02, 0.9)), True) @ LUMA)
    least = 0.02 * float(films[1].mean()) + 1e-6  # of black nothing is said
    return np.clip((films[0] + least) / (films[1] + least), 0, 1).astype(np.float32)


def _built(request: PaintRequest, progress: Progress, standing: bool = True) -> tuple[StageSet, Arrangement, Scene]:
    """The set with everything in its place; not `standing`: the product takes no light, but has its place."""
    _check(request)
    stage, product = check_set(request.set_spec or {}), request.product
    progress.report(0.0, f"Building the set “{stage.name}”")
    if product is not None:
        stage = set_apart(stage, request.palette, colour_of(product))
    arranged = arrange(stage, request)
    relief = build_relief(product, arranged.camera) if product is not None and standing else None
    return stage, arranged, build_scene(stage, request.palette, arranged, relief, request.calm, request.seed & SEEDS)


def render_size(width: int, height: int) -> tuple[int, int]:
    """Pixels to trace for a picture: small banners are traced two or three times as large, prints smaller."""
    if width * height > MOST_PIXELS:
        shrink = math.sqrt(MOST_PIXELS / (width * height))
        return max(8, round(width * shrink)), max(8, round(height * shrink))
    scale = 1
    while scale < 3 and (min(width, height) * scale < SMALLEST_EDGE and width * height * scale**2 < SMALLEST_AREA):
        scale += 1
    return width * scale, height * scale


def _check(request: PaintRequest) -> None:
    if request.set_spec is None:
        raise EngineError("The stage was given no set.", "Choose a set, for example presets/sets/arch.toml.")
    if not (8 <= request.width_px <= LARGEST_EDGE and 8 <= request.height_px <= LARGEST_EDGE):
        asked = f"{request.width_px}×{request.height_px}"
        raise EngineError(
            f"The stage paints 8 to {LARGEST_EDGE} px a side; {asked} was asked for.",
            "Paint smaller and upscale: soft sets lose nothing.",
        )
    product = request.product
    if product is not None:
        if product.rgba.ndim != 3 or product.rgba.shape[2] != 4:
            raise EngineError("The product picture has no transparency.", "Cut the product out first.")
        if product.box.width <= 0 or product.box.height <= 0:
            raise EngineError("The product's place in the picture is empty.", "Give its box a width and a height.")
