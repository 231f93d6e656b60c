"""What this machine is made of: processor, memory, graphics card. Asked of the system alone; no engine is loaded."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from studio.values import Value

PATIENCE_S = 4.0
_QUERY = "name,memory.total,memory.used,power.limit,driver_version"
_MIB = 1 << 20


class Card(Value):
    """A graphics card as its driver tells of it. Bytes; `watts` is its power limit, 0 where it states none."""

    name: str
    memory_bytes: int
    used_bytes: int
    watts: float = 0.0
    driver: str = ""


class Memory(Value):
    """Main memory in bytes; 0 where the system does not say."""

    total_bytes: int = 0
    free_bytes: int = 0


def cores() -> int:
    """Cores this program may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


@cache
def processor() -> str:
    """The processor's own name, or its kind where it has none."""
    found = ""
    if sys.platform == "linux":
        lines = _read("/proc/cpuinfo").splitlines()
        found = next((line.partition(":")[2] for line in lines if line.lower().startswith("model name")), "")
    elif sys.platform == "darwin":
        found = _said("sysctl", "-n", "machdep.cpu.brand_string")
    elif sys.platform == "win32":
        found = _windows_processor()
    return " ".join(found.split()) or platform.processor() or platform.machine() or "Unknown processor"


def memory() -> Memory:
    """Main memory, and how much of it can still be had."""
    if sys.platform == "linux":
        return _of_meminfo(_read("/proc/meminfo"))
    if sys.platform == "win32":
        return _windows_memory()
    total = _said("sysctl", "-n", "hw.memsize")
    return Memory(total_bytes=int(total) if total.isdigit() else 0)


def cards() -> tuple[Card, ...]:
    """NVIDIA cards, as the driver's own tool lists them; none where there is no such tool or it does not answer."""
    return read_cards(_said("nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"))


@cache
def card_at_start() -> Card | None:
    """The first card, asked once: for what does not change while the program runs."""
    return next(iter(cards()), None)


def read_cards(said: str) -> tuple[Card, ...]:
    """The cards in what `nvidia-smi` printed; lines that say something else are left out."""
    found = []
    for line in said.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == 5 and _number(parts[1]) > 0:
            total, used, watts = (_number(part) for part in parts[1:4])
            found.append(
                Card(
                    name=parts[0][:80], memory_bytes=int(total * _MIB), used_bytes=int(used * _MIB), watts=watts,
                    driver=parts[4][:20],
                )
            )  # fmt: skip
    return tuple(found)


def _number(text: str) -> float:
    try:
        return max(0.0, min(float(text), 1e9))
    except ValueError:  # "[N/A]"
        return 0.0


def _of_meminfo(text: str) -> Memory:
    kilobytes = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        number = value.split()[0] if value.split() else ""
        if number.isdigit():
            kilobytes[name] = int(number)
    return Memory(
        total_bytes=kilobytes.get("MemTotal", 0) * 1024, free_bytes=kilobytes.get("MemAvailable", 0) * 1024
    )  # fmt: skip


def _said(program: str, *arguments: str) -> str:
    """What a small program of the system prints; empty where it is missing, fails or takes too long."""
    found = shutil.which(program)
    if found is None:
        return ""
    try:
        done = subprocess.run(
            [found, *arguments], capture_output=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL, check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""


def _windows_processor() -> str:
    if sys.platform != "win32":
        return ""
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0") as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0])
    except OSError:
        return ""


def _windows_memory() -> Memory:
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = [
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "free", "page", "page_free", "virtual", "left", "more")),
        ]

    status = Status()
    status.length = ctypes.sizeof(Status)
    ask: Callable[..., int] = ctypes.WinDLL("kernel32").GlobalMemoryStatusEx if sys.platform == "win32" else _none
    return Memory(total_bytes=status.total, free_bytes=status.free) if ask(ctypes.byref(status)) else Memory()


def _none(_: object) -> int:
    return 0
