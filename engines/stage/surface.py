"""Random numbers, directions and reflection: a diffuse base under a GGX lobe (Heitz 2014; Dupuy & Benyoub 2023)."""

from __future__ import annotations

import math

import numpy as np

from .jit import inlined

# Compiled code passes bare numbers: many arguments, nested max and min, casts that fix a width.
# ruff: noqa: PLR0913, PLR0917, RUF046

F = np.float32
U = np.uint64
ZERO, HALF, ONE, TWO = F(0), F(0.5), F(1), F(2)
TAU = F(6.2831853)
INVERSE_PI = F(0.31830989)
TINY = F(1e-9)
STEP, INCREMENT = U(6364136223846793005), U(1442695040888963407)  # Knuth's MMIX generator
MIX_A, MIX_B, GOLDEN = U(0xBF58476D1CE4E5B9), U(0x94D049BB133111EB), U(0x9E3779B97F4A7C15)  # splitmix64
S27, S30, S31, S40 = U(27), U(30), U(31), U(40)
UNIT = F(5.9604645e-08)


@inlined
def scramble(value):
    """A well mixed 64-bit number from any other (Steele et al., splitmix64)."""
    z = value + GOLDEN
    z = (z ^ (z >> S30)) * MIX_A
    z = (z ^ (z >> S27)) * MIX_B
    return z ^ (z >> S31)


@inlined
def advance(state):
    return state * STEP + INCREMENT


@inlined
def unit(state):
    """The state's upper 24 bits as a float in 0–1."""
    return F(np.int64(state >> S40)) * UNIT


@inlined
def frac(x):
    return x - math.floor(x)


@inlined
def frame(nx, ny, nz):
    """Two unit vectors across a normal (Duff et al. 2017)."""
    sign = ONE if nz >= ZERO else -ONE
    a = -ONE / (sign + nz)
    b = nx * ny * a
    return ONE + sign * nx * nx * a, sign * b, -sign * nx, b, sign + ny * ny * a, -ny


@inlined
def cosine(nx, ny, nz, u, v):
    """A direction above the surface, with density cos/π."""
    tx, ty, tz, bx, by, bz = frame(nx, ny, nz)
    radius = math.sqrt(u)
    angle = TAU * v
    x = radius * math.cos(angle)
    y = radius * math.sin(angle)
    z = math.sqrt(max(ONE - u, ZERO))
    return x * tx + y * bx + z * nx, x * ty + y * by + z * ny, x * tz + y * bz + z * nz


@inlined
def half_vector(nx, ny, nz, vx, vy, vz, alpha, u, v):
    """A visible GGX micro-normal by spherical caps (Dupuy & Benyoub 2023)."""
    tx, ty, tz, bx, by, bz = frame(nx, ny, nz)
    x = (vx * tx + vy * ty + vz * tz) * alpha
    y = (vx * bx + vy * by + vz * bz) * alpha
    z = vx * nx + vy * ny + vz * nz
    size = ONE / math.sqrt(max(x * x + y * y + z * z, TINY))
    x *= size
    y *= size
    z *= size
    height = (ONE - v) * (ONE + z) - z
    radius = math.sqrt(max(ONE - height * height, ZERO))
    angle = TAU * u
    x = (x + radius * math.cos(angle)) * alpha
    y = (y + radius * math.sin(angle)) * alpha
    z = max(z + height, TINY)
    size = ONE / math.sqrt(max(x * x + y * y + z * z, TINY))
    x *= size
    y *= size
    z *= size
    return x * tx + y * bx + z * nx, x * ty + y * by + z * ny, x * tz + y * bz + z * nz


@inlined
def shadowing(cos, alpha):
    """Smith's G1 for GGX."""
    return TWO * cos / (cos + math.sqrt(alpha * alpha + (ONE - alpha * alpha) * cos * cos))


@inlined
def facets(cos, alpha):
    """GGX D: how many micro-normals point this way."""
    a = alpha * alpha
    d = cos * cos * (a - ONE) + ONE
    return a * INVERSE_PI / (d * d)


@inlined
def schlick(base, cos):
    c = ONE - min(max(cos, ZERO), ONE)
    c2 = c * c
    return base + (ONE - base) * c2 * c2 * c


@inlined
def lattice(i, j, k):
    h = scramble(U(np.int64(i * 73856093) ^ np.int64(j * 19349663) ^ np.int64(k * 83492791)))
    return unit(h)


@inlined
def grain(x, y, z):
    """Fine speckle, −1…1, fixed in the object."""
    a = lattice(int(math.floor(x)), int(math.floor(y)), int(math.floor(z)))
    b = lattice(int(math.floor(x * F(0.37))), int(math.floor(y * F(0.37))), int(math.floor(z * F(0.37))) + 7)
    return (a + b) - ONE


@inlined
def luminance(r, g, b):
    return F(0.2126) * r + F(0.7152) * g + F(0.0722) * b


@inlined
def reflect(nx, ny, nz, vx, vy, vz, lx, ly, lz, alpha, spec, metal, r, g, b, spec_chance):
    """BSDF × cosine for a light direction (RGB) and the density with which `bounce` would have chosen it."""
    cos = nx * lx + ny * ly + nz * lz
    if cos <= ZERO:
        return ZERO, ZERO, ZERO, ZERO
    cos_v = max(nx * vx + ny * vy + nz * vz, F(1e-4))
    base = INVERSE_PI * cos * (ONE - metal) * (ONE - spec)
    density = (ONE - spec_chance) * cos * INVERSE_PI
    fr, fg, fb = base * r, base * g, base * b
    if spec_chance > ZERO:
        hx, hy, hz = vx + lx, vy + ly, vz + lz
        size = ONE / max(math.sqrt(hx * hx + hy * hy + hz * hz), TINY)
        hx *= size
        hy *= size
        hz *= size
        d = facets(nx * hx + ny * hy + nz * hz, alpha)
        shade = shadowing(cos_v, alpha)
        lobe = d * shade * shadowing(cos, alpha) / (F(4) * cos_v)
        cos_h = vx * hx + vy * hy + vz * hz
        fr += lobe * schlick(spec + metal * (r - spec), cos_h)
        fg += lobe * schlick(spec + metal * (g - spec), cos_h)
        fb += lobe * schlick(spec + metal * (b - spec), cos_h)
        density += spec_chance * d * shade / (F(4) * cos_v)
    return fr, fg, fb, density
