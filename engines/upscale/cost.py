"""What a 4× network costs, counted: multiply-adds over a 64 × 64 tile as two operations, per megapixel it delivers.

Light networks work on the small picture and enlarge in their last layer, an RRDB works in 23 blocks of 15 convolutions
and then at full size (ESRGAN, Wang et al., 2018; Real-ESRGAN, 2021; SPAN, Wan et al., 2024). Counted on these shapes:

| network at 4×                                 | parameters | TFLOP per megapixel | to Compact |
| --------------------------------------------- | ---------- | ------------------- | ---------- |
| RRDB, 64 channels, 23 blocks (x4plus)         |     16.7 M |                2.24 |    14.8    |
| RRDB, 64 channels, 6 blocks                   |      4.5 M |                0.71 |     4.7    |
| Compact, 64 channels, 32 layers (general x4)  |      1.2 M |               0.151 |     1      |
| SPAN, 48 channels                             |      2.2 M |               0.075 |     0.5    |
"""

from __future__ import annotations

LIGHT_TFLOP = 0.151
"""TFLOP per delivered megapixel of Compact with 32 layers: what "the light network" means in `said`."""
RRDB_TFLOP = 2.241
"""The same of an RRDB with 23 blocks, which most of the "best" upscalers are."""


def said(tflop_per_megapixel: float) -> str:
    """A cost in a designer's words, next to a light network's."""
    ratio = tflop_per_megapixel / LIGHT_TFLOP
    if ratio >= 1.5:
        return f"about {ratio:.0f}× the light network"
    return "about as much as the light network" if ratio > 0.67 else "less than the light network"
