"""Loops over pixels that numpy cannot express: compiled at the first cut, then kept on disk."""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.stage.jit import cached


@cached
def minimum_cut(cost: Any, weight: Any, u: Any, steps: int) -> Any:
    """Minimise Σ weight·|∇u| + Σ cost·u over 0 ≤ u ≤ 1, in place on `u` (h×w `float32`); cut the result at ½.

    The convex form of a two-label graph cut (Chan, Esedoglu & Nikolova, 2006) solved by the first-order primal-dual
    method (Chambolle & Pock, 2011). `cost` h×w: positive speaks against the product. `weight` h×w: price of an edge.
    """
    h, w = cost.shape
    px = np.zeros((h, w), np.float32)
    py = np.zeros((h, w), np.float32)
    bar = u.copy()
    tau, sigma = np.float32(0.35), np.float32(0.35)
    for step in range(steps):
        moved = np.float32(0.0)
        for y in range(h):
            for x in range(w):
                gx = bar[y, x + 1] - bar[y, x] if x + 1 < w else np.float32(0.0)
                gy = bar[y + 1, x] - bar[y, x] if y + 1 < h else np.float32(0.0)
                a = px[y, x] + sigma * gx
                b = py[y, x] + sigma * gy
                limit = weight[y, x]
                length = np.sqrt(a * a + b * b)
                if length > limit:
                    a *= limit / length
                    b *= limit / length
                px[y, x] = a
                py[y, x] = b
        for y in range(h):
            for x in range(w):
                div = px[y, x] + py[y, x]
                if x > 0:
                    div -= px[y, x - 1]
                if y > 0:
                    div -= py[y - 1, x]
                before = u[y, x]
                value = before + tau * (div - cost[y, x])
                value = min(max(value, np.float32(0.0)), np.float32(1.0))
                u[y, x] = value
                bar[y, x] = np.float32(2.0) * value - before
                moved += abs(value - before)
        if step > 20 and moved < np.float32(2e-5) * h * w:
            break
    return u


@cached
def cheapest_path(cost: Any, start: Any, sweeps: int) -> Any:
    """Cost of the cheapest 8-connected path from `start` (h×w `bool`) to every pixel, entering a pixel for `cost`
    (h×w `float32`); raster scans in alternating directions (Toivanen, 1996)."""
    h, w = cost.shape
    far = np.full((h, w), np.float32(1e6))
    for y in range(h):
        for x in range(w):
            if start[y, x]:
                far[y, x] = 0.0
    for sweep in range(sweeps):
        down = sweep % 2 == 0
        for row in range(h):
            y = row if down else h - 1 - row
            above = y - 1 if down else y + 1
            for column in range(w):
                x = column if down else w - 1 - column
                beside = x - 1 if down else x + 1
                best = far[y, x]
                if 0 <= beside < w:
                    best = min(best, far[y, beside] + cost[y, x])
                if 0 <= above < h:
                    for k in range(-1, 2):
                        if 0 <= x + k < w:
                            best = min(best, far[above, x + k] + cost[y, x])
                far[y, x] = best
            for column in range(w):
                x = w - 1 - column if down else column
                beside = x + 1 if down else x - 1
                if 0 <= beside < w:
                    far[y, x] = min(far[y, x], far[y, beside] + cost[y, x])
    return far


@cached
def superpixels(lab: Any, spacing: int, compactness: float, rounds: int) -> Any:
    """Label every pixel with its superpixel (h×w `int32`, 0…n−1): SLIC (Achanta et al., 2012), seeds on a grid.

    Islands are not merged; a label may lie in two pieces.
    """
    h, w = lab.shape[:2]
    rows, columns = max(1, h // spacing), max(1, w // spacing)
    n = rows * columns
    centre = np.zeros((n, 5), np.float32)
    for i in range(n):
        y = min(h - 1, int((i // columns + 0.5) * h / rows))
        x = min(w - 1, int((i % columns + 0.5) * w / columns))
        centre[i, 0], centre[i, 1], centre[i, 2] = lab[y, x, 0], lab[y, x, 1], lab[y, x, 2]
        centre[i, 3], centre[i, 4] = y, x
    label = np.zeros((h, w), np.int32)
    spatial = np.float32((compactness / spacing) ** 2)
    for _ in range(rounds):
        nearest = np.full((h, w), np.float32(1e12))
        for i in range(n):
            cy, cx = centre[i, 3], centre[i, 4]
            for y in range(max(0, int(cy) - 2 * spacing), min(h, int(cy) + 2 * spacing + 1)):
                for x in range(max(0, int(cx) - 2 * spacing), min(w, int(cx) + 2 * spacing + 1)):
                    d = spatial * ((y - cy) ** 2 + (x - cx) ** 2)
                    for c in range(3):
                        d += (lab[y, x, c] - centre[i, c]) ** 2
                    if d < nearest[y, x]:
                        nearest[y, x] = d
                        label[y, x] = i
        total = np.zeros((n, 6), np.float64)
        for y in range(h):
            for x in range(w):
                i = label[y, x]
                for c in range(3):
                    total[i, c] += lab[y, x, c]
                total[i, 3] += y
                total[i, 4] += x
                total[i, 5] += 1.0
        for i in range(n):
            if total[i, 5] > 0:
                for c in range(5):
                    centre[i, c] = total[i, c] / total[i, 5]
    return label


@cached
def barrier(plane: Any, sweeps: int) -> Any:
    """Minimum barrier distance of every pixel of `plane` (h×w `float32`) to the frame: the least range of values any
    path from the frame has to run through; raster scans (Zhang et al., 2015)."""
    h, w = plane.shape
    distance = np.full((h, w), np.float32(1e6))
    low, high = plane.copy(), plane.copy()
    for y in range(h):
        for x in range(w):
            if y == 0 or x == 0 or y == h - 1 or x == w - 1:
                distance[y, x] = 0.0
    for sweep in range(sweeps):
        step = 1 if sweep % 2 == 0 else -1
        for row in range(h):
            y = row if step == 1 else h - 1 - row
            for column in range(w):
                x = column if step == 1 else w - 1 - column
                for k in range(2):
                    ny = y - step if k == 0 else y
                    nx = x if k == 0 else x - step
                    if 0 <= ny < h and 0 <= nx < w:
                        top = max(high[ny, nx], plane[y, x])
                        bottom = min(low[ny, nx], plane[y, x])
                        if top - bottom < distance[y, x]:
                            distance[y, x] = top - bottom
                            high[y, x] = top
                            low[y, x] = bottom
    return distance


@cached
def log_density(x: Any, means: Any, roots: Any, shares: Any) -> Any:
    """Natural log of a mixture of K Gaussians at every row of `x` (N×D). `means` K×D, `roots` K×D×D the lower Cholesky
    factors of the inverse covariances, `shares` K. One pass and one thread: BLAS on such thin matrices is all waiting.
    """
    count, depth = means.shape
    found = np.empty(len(x), np.float32)
    away, logs = np.empty(depth, np.float32), np.empty(count, np.float32)
    for n in range(len(x)):
        top = np.float32(-np.inf)
        for k in range(count):
            for i in range(depth):
                away[i] = x[n, i] - means[k, i]
            square = np.float32(0)
            for column in range(depth):
                part = np.float32(0)
                for row in range(column, depth):
                    part += away[row] * roots[k, row, column]
                square += part * part
            logs[k] = shares[k] - np.float32(0.5) * square
            top = max(top, logs[k])
        total = np.float32(0)
        for k in range(count):
            total += np.exp(logs[k] - top)
        found[n] = top + np.log(total)
    return found
