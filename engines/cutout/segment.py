"""Product or background for every pixel at working size: colour models either side and a minimum cut between them.

After GrabCut (Rother, Kolmogorov & Blake, 2004), begun from a prior instead of a rectangle and kept to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.base import KEEP, REMOVE, Pixels, Plane

from .mixture import fitted
from .raster import cheapest_path, minimum_cut
from .view import View

_GAUSSIANS = 6
_MANY = 8
_MOST_SHOWING = 0.9
"""No more of the first guess than this is thought to be background."""
_TRACE = np.float32(1e-6)
_NOISE = np.array([4.0, 2.0, 2.0])
"""Variances of L*, a* and b* below which colours count as the same."""
_PLACED_NOISE = np.array([4.0, 2.0, 2.0, 25.0, 25.0])
"""The same with the place (y, x), the longest side being 100."""
_ROUNDS = 3
EDGE_PRICE = 3.0
"""Nats a pixel of border costs where nothing is seen."""
_MOST_COLOUR = 6.0
"""Nats of colour evidence a single pixel may bring."""
_MOST_PRIOR = 4.0
_CERTAIN = 1e3
_STROKE = 24.0
"""Nats a stroke brings to what it reaches; more than colours and prior together."""
_BARRIER = 12.0
"""Lab units of edges that stop a stroke."""
_ROAD = 80.0
"""Lab units that crossing the whole view costs a stroke: on one flat colour it speaks for about a sixth of the view."""
_LEAST_PIECE = 0.1
_LARGEST_SPOT = 0.02
"""Share of the product a spot of other colour may have."""


@dataclass(frozen=True, eq=False)
class Segment:
    """`inside` h×w, 0–1: the product is where it exceeds ½. `cost` h×w: the evidence against the product that led
    there, in nats, strokes left out. `edge` h×w: the price of a border there."""

    inside: Plane
    cost: Plane
    edge: Plane


def segmented(view: View, prior: Plane, local: float) -> Segment:
    """Cut `view` in two, begun from `prior` (h×w, 0–1: how likely each pixel is the product).

    `local` 0–1: how much of the colour evidence is tied to the place it was seen at.
    """
    h, w = view.shape
    believed = np.clip(_logit(prior), -_MOST_PRIOR, _MOST_PRIOR)
    edge = edge_price(view)
    # In the first round only what the prior is sure of teaches the colours.
    inside, sure_in, sure_out = prior, np.clip(2.5 * prior - 1.5, 0, 1), np.clip(1 - 2.5 * prior, 0, 1)
    cost = -believed
    for _ in range(_ROUNDS):
        own = _own_colours(view, sure_in.ravel() + _TRACE, sure_out.ravel() + _TRACE) if local else sure_in.ravel()
        ratio = np.zeros((h, w), np.float32)
        for features, noise, share in _evidence(view, local):
            product = fitted(features, own + _TRACE, _GAUSSIANS, noise)
            background = fitted(features, sure_out.ravel() + _TRACE, _GAUSSIANS, noise)
            gain = product.log_density(features) - background.log_density(features)
            ratio += share * np.clip(gain, -_MOST_COLOUR, _MOST_COLOUR).reshape(h, w)
        cost = -(ratio + believed).astype(np.float32)
        inside = minimum_cut(cost, edge, (inside > 0.5).astype(np.float32), 200)
        sure_in, sure_out = inside, 1 - inside
    return Segment(inside, cost, edge)


def _own_colours(view: View, sure_in: Plane, sure_out: Plane) -> Plane:
    """`sure_in` (h·w) less the background that shows through it.

    What lies inside is a mixture of product and background, what lies outside is background alone; the largest share of
    background the two densities allow is taken out (mixture proportion estimation: Blanchard, Lee & Scott, 2010).
    """
    colours = view.lab.reshape(-1, 3)
    within, without = fitted(colours, sure_in, _MANY, _NOISE), fitted(colours, sure_out, _MANY, _NOISE)
    likeness = np.exp(np.clip(without.log_density(colours) - within.log_density(colours), -20, 20))
    taken = sure_in > 0.5
    most = min(1 / float(np.quantile(likeness[taken], 0.95)), _MOST_SHOWING) if taken.any() else 0.0
    return (sure_in * np.clip(1 - most * likeness, 0, 1)).astype(np.float32)


def _evidence(view: View, local: float) -> list[tuple[Plane, NDArray[np.float64], float]]:
    """Features N×D, their noise and their weight: colours alone, and colours where they were seen."""
    h, w = view.shape
    colours = view.lab.reshape(-1, 3)
    y, x = np.mgrid[:h, :w].astype(np.float32) * (100 / max(h, w))
    placed = np.concatenate([colours, y.reshape(-1, 1), x.reshape(-1, 1)], 1)
    both = [(colours, _NOISE, 1 - local), (placed, _PLACED_NOISE, local)]
    return [entry for entry in both if entry[2] > 0]


def with_strokes(view: View, segment: Segment, strokes: Pixels) -> Plane:
    """The cut again, h×w 0–1, under what the designer's brush said (`strokes` h×w): a stroke holds where it lies and
    speaks for what can be reached from it without crossing an edge (Bai & Sapiro, "A geodesic framework", 2007)."""
    cost = segment.cost.copy()
    road = np.maximum(steps(cv2.GaussianBlur(view.lab, (0, 0), 0.8)) - 1.5, 0) + np.float32(_ROAD / view.scale_px)
    for value, sign in ((KEEP, -1), (REMOVE, 1)):
        if (strokes == value).any():
            cost += sign * _STROKE * np.exp(-cheapest_path(road, strokes == value, 4) / _BARRIER)
    cost[strokes == KEEP] = -_CERTAIN
    cost[strokes == REMOVE] = _CERTAIN
    return minimum_cut(cost.astype(np.float32), segment.edge, (segment.inside > 0.5).astype(np.float32), 200)


def steps(lab: Any) -> Plane:
    """h×w: the largest Lab step from a pixel to one of its four neighbours."""
    largest = np.zeros(lab.shape[:2], np.float32)
    across = np.linalg.norm(lab[:, 1:] - lab[:, :-1], axis=2)
    down = np.linalg.norm(lab[1:] - lab[:-1], axis=2)
    for part, step in ((np.s_[:, 1:], across), (np.s_[:, :-1], across), (np.s_[1:], down), (np.s_[:-1], down)):
        largest[part] = np.maximum(largest[part], step)
    return largest


def edge_price(view: View) -> Plane:
    """h×w: what a border costs; little where neighbours differ much (the contrast term of GrabCut)."""
    squared = np.zeros(view.shape, np.float32)
    squared[:, :-1] += ((view.lab[:, 1:] - view.lab[:, :-1]) ** 2).sum(2)
    squared[:-1] += ((view.lab[1:] - view.lab[:-1]) ** 2).sum(2)
    beta = 1 / (2 * float(squared.mean()) + 1e-6)
    return (EDGE_PRICE * (0.05 + 0.95 * np.exp(-beta * squared))).astype(np.float32)


def _logit(chance: Plane) -> Plane:
    safe = np.clip(chance, 1e-4, 1 - 1e-4)
    return np.log(safe / (1 - safe)).astype(np.float32)


def tidied(mask: NDArray[np.bool_], weight: Plane) -> NDArray[np.bool_]:
    """`mask` h×w without pieces that hold little of `weight` (h×w, 0–1) or hang on the frame."""
    # Those with a tenth of the weight of the heaviest stay; long contact with the frame weighs against one.
    count, label, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return mask
    mass = np.bincount(label.ravel(), weight.ravel().astype(np.float64), count)
    contact = np.zeros(count)
    for side in (label[0], label[-1], label[:, 0], label[:, -1]):
        contact += np.bincount(side, minlength=count)
    mass *= np.exp(-(contact**2) / (2.0 * stats[:, cv2.CC_STAT_AREA]))
    mass[0] = 0
    return (mass > _LEAST_PIECE * mass.max())[label]


def holes(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """What `mask` h×w encloses: labels h×w, 0 elsewhere, and the area of each in pixels (0 for number 0)."""
    _, named, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    label, area = np.asarray(named, np.int32), np.array(stats[:, cv2.CC_STAT_AREA], np.int32)
    for side in (label[0], label[-1], label[:, 0], label[:, -1]):
        area[side] = 0
    area[0] = 0
    return np.where(area[label] > 0, label, 0).astype(np.int32), area


def without_spots(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`mask` with its small holes closed: the product's own dark or bright spots."""
    label, area = holes(mask)
    return mask | ((area > 0) & (area < _LARGEST_SPOT * mask.sum()))[label]


def touched(mask: NDArray[np.bool_], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The connected pieces of `mask` h×w that hold one of `seeds` h×w."""
    count, named = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    label = np.asarray(named, np.int32)
    return (np.bincount(label[seeds & mask], minlength=count) > 0)[label]
