"""Colour models: a few Gaussians over pixels, the same ones every time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.base import Plane

_PIXELS_USED = 20_000


@dataclass(frozen=True, eq=False)
class Mixture:
    """K Gaussians over D features: `mean` K×D, `inverse` K×D×D, `log_share` K (log of weight over normaliser)."""

    mean: NDArray[np.float64]
    inverse: NDArray[np.float64]
    log_share: NDArray[np.float64]

    def log_density(self, features: Plane) -> Plane:
        """Natural log of the density at every row of `features` (N×D)."""
        from .raster import log_density  # compiles, so only when it is needed

        roots = np.linalg.cholesky(self.inverse).astype(np.float32)
        means, shares = self.mean.astype(np.float32), self.log_share.astype(np.float32)
        return log_density(np.ascontiguousarray(features, np.float32), means, roots, shares)


def fitted(features: Plane, weights: Plane, count: int, floor: NDArray[np.float64]) -> Mixture:
    """`count` Gaussians over the rows of `features` (N×D, weights N), split where the spread is greatest (Orchard &
    Bouman, 1991), then three rounds of weighted EM. `floor` D: variances added, the noise of each feature."""
    step = max(1, len(features) // _PIXELS_USED)
    x, w = features[::step].astype(np.float64), weights[::step].astype(np.float64)
    keep = w > 1e-3 * w.max()
    x, w = x[keep], w[keep]
    owner = _split(x, w, count)
    chance = (owner[:, None] == np.arange(owner.max() + 1)[None]) * w[:, None]
    model = _gaussians(x, chance, floor)
    for _ in range(3):
        logs = np.stack([_log(x, model, k) for k in range(len(model.mean))], 1)
        logs -= logs.max(1, keepdims=True)
        chance = np.exp(logs)
        chance *= (w / chance.sum(1))[:, None]
        model = _gaussians(x, chance, floor)
    return model


def _split(x: NDArray[np.float64], w: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    owner = np.zeros(len(x), np.int64)
    for made in range(1, min(count, len(x))):
        spreads = [_main_axis(x[owner == k], w[owner == k]) for k in range(made)]
        worst = int(np.argmax([spread for spread, _, _ in spreads]))
        _, axis, mean = spreads[worst]
        inside = np.flatnonzero(owner == worst)
        owner[inside[(x[inside] - mean) @ axis > 0]] = made
    return np.unique(owner, return_inverse=True)[1]


def _main_axis(
    x: NDArray[np.float64], w: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    if w.sum() <= 0 or len(x) < 2:
        return 0.0, np.zeros(x.shape[1]), x.mean(0) if len(x) else np.zeros(x.shape[1])
    mean = np.average(x, axis=0, weights=w)
    scatter = ((x - mean) * w[:, None]).T @ (x - mean)
    values, vectors = np.linalg.eigh(scatter)
    return float(values[-1]), vectors[:, -1], mean


def _gaussians(x: NDArray[np.float64], chance: NDArray[np.float64], floor: NDArray[np.float64]) -> Mixture:
    mass = chance.sum(0)
    chance, mass = chance[:, mass > 1e-6 * mass.sum()], mass[mass > 1e-6 * mass.sum()]
    means, inverses, shares = [], [], []
    for k in range(len(mass)):
        mean = chance[:, k] @ x / mass[k]
        away = x - mean
        covariance = (away * chance[:, k][:, None]).T @ away / mass[k] + np.diag(floor)
        inverses.append(np.linalg.inv(covariance))
        shares.append(np.log(mass[k] / mass.sum()) - 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1])
        means.append(mean)
    return Mixture(np.array(means), np.array(inverses), np.array(shares))


def _log(x: NDArray[np.float64], model: Mixture, k: int) -> NDArray[np.float64]:
    away = x - model.mean[k]
    return model.log_share[k] - 0.5 * np.einsum("nd,de,ne->n", away, model.inverse[k], away, optimize=True)
