"""A studio with a painter that can be asked for everything and shows what it paints, and one whose weights are missing.
Run as a program it is the page, with `worker` the worker; nothing is loaded, nothing computed."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engines.base import AdapterFacts, Capabilities, EngineError, Offer, Painting, PaintRequest, Progress
from engines.catalog import doors
from studio import settings
from studio.desk.engines import Engines
from studio.desk.hands import StudioHands
from studio.desk.queue import Queue
from studio.desk.store import Store
from studio.desk.watch import Snapshot, start_worker, watch
from studio.desk.worker import run_worker
from studio.studio import Studio
from tests.desk.workshop import FakeWorkshop

STEP_S = 0.4
BUILD_S = 2.5
"""How long an engine takes to build; a painter has two."""
ABLE = Offer(
    "able", "painter", "Able: can be asked for everything", recipe="1",
    capabilities=Capabilities(
        prompt=True, sets=True, product_in_scene=True, adapters=True, avoid=True, guidance=6.0,
        controls=("edges", "softedge", "lineart", "depth", "pose", "segment", "blocks"),
        references=("style", "layout", "subject", "product", "face"), steps={"quick": 2, "normal": 5, "quality": 12},
    ),
)  # fmt: skip
AWAY = Offer(
    "away", "painter", "Away: four steps, its weights are elsewhere", "OpenRAIL++-M, MIT", reason="Needs 2 files, 6.9 GB",
    bytes=6_900_000_000, fetchable=True, fix="python app.py engines fetch away",
    capabilities=Capabilities(
        prompt=True, adapters=True, references=("style",), steps={"normal": 4},
        reasons={"controls": "Needs the ControlNet weights: python app.py engines fetch controlnet"},
    ),
)  # fmt: skip


class Able:
    """Fills the picture with its own colour step by step, and shows each step."""

    id = "able"
    capabilities = ABLE.capabilities

    def paint(self, requests: Sequence[PaintRequest], progress: Progress) -> Iterator[Painting]:
        for request in requests:
            ground = bytes.fromhex(request.palette["primary"].removeprefix("#"))
            shape = (request.height_px, request.width_px, 3)
            for step in range(request.steps):
                progress.report(step / request.steps, f"Step {step + 1} of {request.steps}")
                if progress.on_preview:
                    side = max(request.width_px, request.height_px) // 128 or 1
                    small = (request.height_px // side, request.width_px // side, 3)
                    noise = np.random.default_rng(step).integers(0, 255, small)
                    share = (step + 1) / request.steps
                    progress.on_preview((noise * (1 - share) + np.array([*ground]) * share).astype(np.uint8))
                time.sleep(STEP_S)
            yield Painting(np.broadcast_to(np.array([*ground], np.uint8), shape).copy(), 0.1, self.id, "test")


def able_engines(home: Path) -> Engines:
    """The catalogue's engines, with the two painters before the others."""
    own = doors((home / "models",), home / "models")
    listed, opened, fetched = own["offers"], own["painter"], own["fetch"]

    def fetch(name: str, licence: str, progress: Progress) -> Path:
        if name != AWAY.id:
            return fetched(name, licence, progress)
        if not {"OpenRAIL++-M", "MIT"} <= set(licence.split(", ")):
            read = "OpenRAIL++-M at https://example.org/rail and MIT at https://example.org/mit and MIT at https://example.org/vae"
            hint = f"Read {read} . It says what is not allowed. Then accept by name"
            raise EngineError("Not accepted", hint)
        path = home / "models" / name / "unet.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        for step in range(200):
            progress.report(step / 200, "Fetching unet.safetensors")
            with path.open("ab") as file:
                file.write(bytes(1000))
            time.sleep(0.05)
        return path

    def offers(kind: str) -> Sequence[Offer]:
        if kind != "painter":
            return listed(kind)
        stage = next(one for one in listed("painter") if one.id == "stage")
        return stage, ABLE, AWAY, replace(AWAY, id="apart", name="Apart: nobody may fetch it", fetchable=False, fix="")

    def adapter(path: Path, painter_id: str) -> AdapterFacts:
        if path.stem == "torn":
            raise EngineError("torn.safetensors is cut off", "Get the file again.")
        fits = path.stem != "old-style"
        reason = "" if fits else "old-style.safetensors is for SD 1.5, not for SDXL"
        return AdapterFacts(
            path.stem.replace("-", " ").capitalize(), "LoRA", "SDXL" if fits else "SD 1.5", "Kohya", 722, 16,
            ("golden glow", "soft haze"), reason, "" if fits else "Use a LoRA made for SDXL.",
        )  # fmt: skip

    painter = lambda name: Able() if name == Able.id else opened(name)  # noqa: E731
    return Engines(
        **{**own, "offers": offers, "painter": painter, "fetch": fetch, "adapter": adapter}, folders=(home / "models",),
        workshop=FakeWorkshop(("able",), BUILD_S),
    )  # fmt: skip


class AbleStudio(Studio):
    """The studio whose workers paint with it."""

    def watch(self, run_id: str) -> Generator[Snapshot]:
        command = (sys.executable, str(Path(__file__).resolve()), "worker")
        with Store(self.home) as store:
            yield from watch(Queue(store), run_id, lambda: start_worker(self.home, run_id=run_id, command=command))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="?", default="page")
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--run", default=None)
    parser.add_argument("--name", default="")
    parser.add_argument("--port", type=int, default=0)
    for option in ("--watched", "--until-idle", "--no-browser"):
        parser.add_argument(option, action="store_true")
    args = parser.parse_args()
    home = args.home or settings.home()
    engines = able_engines(home)
    if args.what == "worker":
        return run_worker(
            home, lambda store: StudioHands(store, engines.painter, engines), until_idle=args.until_idle,
            run_id=args.run, name=args.name, watched=args.watched,
        )  # fmt: skip
    for name in ("golden-hour", "brand/bottle", "old-style", "torn"):
        path = home / "models" / "loras" / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"nothing is read of it")
    from studio.ui.page import launch

    launch(AbleStudio(home, engines), port=args.port, browser=False)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
