"""How well cut-outs come out: `python -m tests.bench.cutout_bench [--json] [--sheet FILE.png] [--only NAME …]`
[--without-network].

Over the sample photos with masks: IoU (alpha > 127), boundary F-score (3 px), mean alpha error, confidence, seconds, and
beside them plain OpenCV GrabCut from a 4 % border rectangle at 512 px. `ring`: mean ΔE00 within 3 px inside the true
edge, worst of five grounds, against the true foreground (trust A and drawn scenes); `halo`: the same where the cut-out
has the product. Then over sample products before drawn backdrops, where everything is known.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from engines.base import Cutout, CutRequest, EngineError, Progress
from engines.cutout import create
from engines.cutout.builtin import Builtin
from studio.color import cielab, delta_e00
from tests.engines.cutout_scenes import GROUNDS, ground, stand
from tests.samples import SAMPLES

Pixels = NDArray[np.uint8]
FLATS = ((0, 0, 0), (255, 255, 255), (229, 0, 116), (0, 110, 200), (250, 190, 0))
TOLERANCE_PX = 3


@dataclass(frozen=True, eq=False)
class Item:
    """`alpha` H×W `uint8`, the truth; `product` H×W×3, the true foreground colours, where they are known."""

    name: str
    kind: str
    picture: Pixels
    alpha: Pixels | None = None
    product: Pixels | None = None


def photos() -> Iterator[Item]:
    """The sample photos with masks."""
    from pymatting import estimate_foreground_ml

    for folder in sorted((SAMPLES / "cutouts").iterdir()):
        info = json.loads((folder / "info.json").read_text("utf-8"))
        picture = read(folder / "photo.jpg")
        alpha = np.asarray(Image.open(folder / "mask.png").convert("L"))
        product = None
        if info["trust"] == "A":
            estimate = estimate_foreground_ml(picture / 255.0, alpha / 255.0)
            product = np.clip(np.rint(estimate * 255), 0, 255).astype(np.uint8)  # type: ignore[operator]
        yield Item(folder.name, info["kind"], picture, alpha, product)


def unmasked() -> Iterator[Item]:
    """The sample photos without masks: for the sheet only."""
    for file in sorted((SAMPLES / "cutouts-nomask").iterdir()):
        yield Item(file.stem, "unmasked", read(file))


def composites() -> Iterator[Item]:
    """Every sample product before every drawn ground."""
    for number, file in enumerate(sorted((SAMPLES / "heroes").glob("*.png"))):
        rgba = Image.open(file).convert("RGBA")
        rgba.thumbnail((420, 420), Image.Resampling.LANCZOS)
        cut = np.asarray(rgba)
        height, width = cut.shape[0] + 180, cut.shape[1] + 220
        for kind in GROUNDS:
            product, alpha = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.float32)
            here = np.s_[80 : 80 + cut.shape[0], 110 : 110 + cut.shape[1]]
            product[here], alpha[here] = cut[..., :3], cut[..., 3] / np.float32(255)
            scene = stand(product, alpha, ground(kind, height, width, number), seed=number)
            truth = np.rint(alpha * 255).astype(np.uint8)
            yield Item(f"{file.stem}/{kind}", kind, scene.picture, truth, product)


def read(path: Path) -> Pixels:
    """H×W×3, upright."""
    return np.array(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))


def measured(engine: Cutout, item: Item) -> tuple[dict[str, Any], Pixels]:
    """The figures of one item, and its cut-out."""
    row: dict[str, Any] = {"name": item.name, "kind": item.kind}
    began = time.perf_counter()
    try:
        cut = engine.cut(CutRequest(item.picture), Progress())
        rgba, row["confidence"], row["facts"] = cut.rgba, round(cut.confidence, 3), dict(cut.facts)
    except EngineError as error:
        rgba, row["confidence"], row["error"] = np.zeros((*item.picture.shape[:2], 4), np.uint8), 0.0, str(error)
    row["seconds"] = round(time.perf_counter() - began, 2)
    if item.alpha is not None:
        row |= figures(rgba[..., 3], item.alpha)
        row["grabcut"] = round(overlap(plain_grabcut(item.picture), item.alpha > 127), 3)
    if item.alpha is not None and item.product is not None:
        row |= edge_colours(rgba, item.product, item.alpha)
    return row, rgba


def figures(alpha: Pixels, truth: Pixels) -> dict[str, float]:
    """IoU, boundary F-score and mean absolute alpha error (0–1)."""
    error = np.abs(alpha.astype(np.float32) - truth).mean() / 255
    return {
        "iou": round(overlap(alpha > 127, truth > 127), 3),
        "edge_f": round(boundary_f(alpha > 127, truth > 127), 3),
        "alpha_error": round(float(error), 4),
    }


def overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Intersection over union."""
    return float((a & b).sum() / max(int((a | b).sum()), 1))


def boundary_f(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Harmonic mean of the shares of each contour that lie within 3 px of the other."""
    first, second = contour(a), contour(b)
    if not first.any() or not second.any():
        return 0.0
    near = [cv2.distanceTransform((~c).astype(np.uint8), cv2.DIST_L2, 5) <= TOLERANCE_PX for c in (first, second)]
    precision, recall = float(near[1][first].mean()), float(near[0][second].mean())
    return 2 * precision * recall / max(precision + recall, 1e-9)


def contour(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return mask & (cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) == 0)


def edge_colours(rgba: Pixels, product: Pixels, truth: Pixels) -> dict[str, float]:
    """Mean ΔE00 in the ring inside the true edge, the worst of the five grounds."""
    inside = cv2.distanceTransform((truth > 127).astype(np.uint8), cv2.DIST_L2, 5)
    ring = (inside > 0) & (inside <= TOLERANCE_PX)
    had = ring & (rgba[..., 3] > 127)
    ring_worst = halo_worst = 0.0
    for flat in FLATS:
        ours = laid(rgba[..., :3], rgba[..., 3], flat)[ring]
        true = laid(product, truth, flat)[ring]
        away = delta_e00(cielab(ours), cielab(true))
        ring_worst = max(ring_worst, float(away.mean()))
        if had.any():
            halo_worst = max(halo_worst, float(away[had[ring]].mean()))
    return {"ring": round(ring_worst, 1), "halo": round(halo_worst, 1)}


def laid(rgb: Pixels, alpha: Pixels, flat: tuple[int, int, int]) -> Pixels:
    """On a flat colour."""
    share = alpha[..., None].astype(np.float32) / 255
    return np.rint(rgb * share + np.float32(flat) * (1 - share)).astype(np.uint8)


def plain_grabcut(picture: Pixels) -> NDArray[np.bool_]:
    """OpenCV's own: a rectangle 4 % in from the border, five rounds, at 512 px."""
    h, w = picture.shape[:2]
    scale = 512 / max(h, w)
    small = cv2.resize(picture, (round(w * scale), round(h * scale)), interpolation=cv2.INTER_AREA)
    rows, columns = small.shape[:2]
    band = max(1, round(0.04 * min(rows, columns)))
    labels = np.zeros((rows, columns), np.uint8)
    rectangle = (band, band, columns - 2 * band, rows - 2 * band)
    cv2.setRNGSeed(0)
    cv2.grabCut(small, labels, rectangle, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_RECT)
    kept = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.float32)
    return cv2.resize(kept, (w, h), interpolation=cv2.INTER_LINEAR) > 0.5


def strip(item: Item, rgba: Pixels, side: int = 300) -> Pixels:
    """Photo, cut-out on a chequerboard, on black, on a saturated colour, and the difference from the truth: red too
    much, blue too little."""
    board = (np.indices(rgba.shape[:2]) // 16).sum(0) % 2
    share = rgba[..., 3:].astype(np.float32) / 255
    chequered = (rgba[..., :3] * share + np.where(board, 210, 150)[..., None] * (1 - share)).astype(np.uint8)
    wrong = item.picture.copy()
    if item.alpha is not None:
        wrong[(rgba[..., 3] > 127) & (item.alpha <= 127)] = (255, 0, 0)
        wrong[(rgba[..., 3] <= 127) & (item.alpha > 127)] = (0, 0, 255)
    row = np.full((side, 5 * side, 3), 60, np.uint8)
    shown = (
        item.picture,
        chequered,
        laid(rgba[..., :3], rgba[..., 3], FLATS[0]),
        laid(rgba[..., :3], rgba[..., 3], FLATS[2]),
        wrong,
    )
    for number, picture in enumerate(shown):
        scale = side / max(picture.shape[:2])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:side, :side]
        row[: small.shape[0], number * side : number * side + small.shape[1]] = small
    return row


def ranks(values: list[float]) -> NDArray[np.float64]:
    return np.argsort(np.argsort(np.array(values))).astype(np.float64)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over all and over products, and how well confidence orders the IoU (Spearman)."""
    products = [row for row in rows if row["kind"] == "product"]
    out: dict[str, Any] = {}
    for name, some in (("all", rows), ("product", products)):
        if some:
            keys = ("iou", "edge_f", "alpha_error", "grabcut", "seconds")
            out[name] = {key: round(float(np.mean([row[key] for row in some])), 3) for key in keys}
    if len(rows) > 2:
        both = ranks([row["confidence"] for row in rows]), ranks([row["iou"] for row in rows])
        out["rank_correlation"] = round(float(np.corrcoef(*both)[0, 1]), 3)
    return out


def table(title: str, rows: list[dict[str, Any]]) -> str:
    """The figures as text."""
    keys = ("iou", "edge_f", "alpha_error", "confidence", "seconds", "grabcut", "ring", "halo")
    lines = [title, f"{'':24}" + "".join(f"{key:>12}" for key in keys)]
    lines += [f"{row['name']:24}" + "".join(f"{row.get(key, ''):>12}" for key in keys) for row in rows]
    return "\n".join([*lines, json.dumps(summary(rows)), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--only", nargs="+", default=())
    parser.add_argument("--without-network", action="store_true")
    parser.add_argument("--set", choices=("photos", "composites", "both"), default="both")
    options = parser.parse_args()
    engine = Builtin() if options.without_network else create()
    report: dict[str, Any] = {}
    strips: list[Pixels] = []
    for name, items in (("photos", photos), ("composites", composites)):
        if options.set not in (name, "both"):
            continue
        rows = []
        for item in items():
            if not options.only or any(word in item.name for word in options.only):
                row, rgba = measured(engine, item)
                rows.append(row)
                strips.append(strip(item, rgba))
        report[name] = {"rows": rows, "summary": summary(rows) if rows else {}}
        if not options.json:
            print(table(name, rows))
    if options.sheet:
        strips += [strip(item, measured(engine, item)[1]) for item in unmasked()]
        strips += [np.zeros_like(strips[0])] * (len(strips) % 2)
        pairs = [np.hstack(strips[i : i + 2]) for i in range(0, len(strips), 2)]
        Image.fromarray(np.vstack(pairs)).save(options.sheet)
    if options.json:
        print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
