"""Sizes of tensors in numbers and words: `2*h` is twice whatever `h` is. Loads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Size = int | str


def sized(sizes: Sequence[Size], known: Mapping[str, int]) -> tuple[int, ...]:
    """Sizes in numbers. Raises `KeyError` for a word that is not known."""
    return tuple(size if isinstance(size, int) else _times(size) * known[_name(size)] for size in sizes)


def learned(pairs: Iterable[tuple[Sequence[Size], Sequence[int]]]) -> dict[str, int] | None:
    """What the words stand for, from sizes in words beside the same ones in numbers; None where they do not fit."""
    known: dict[str, int] = {}
    for sizes, numbers in pairs:
        if len(sizes) != len(numbers):
            return None
        for size, number in zip(sizes, numbers, strict=True):
            if isinstance(size, int):
                fits = size == number
            else:
                fits = number % _times(size) == 0
                fits = fits and known.setdefault(_name(size), number // _times(size)) == number // _times(size)
            if not fits:
                return None
    return known


def _times(size: str) -> int:
    times, star, _ = size.replace(" ", "").rpartition("*")
    return int(times) if star and times.isdigit() else 1


def _name(size: str) -> str:
    return size.replace(" ", "").rpartition("*")[2]
