"""This machine and this workspace, as far as they matter for the work."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from typing import Any

from studio.presets import load_layouts, load_sets, presets_folder
from studio.studio import Studio


def doctor(studio: Studio) -> dict[str, Any]:
    """Facts about this machine and workspace that matter for the work; raises `DeskError` if it cannot be used."""
    studio.store.check()
    usage = shutil.disk_usage(studio.home)
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count() or 1,
        "workspace": str(studio.home),
        "free_gb": round(usage.free / 1e9, 1),
        "formats": len(studio.formats()),
        "layouts": len(load_layouts()),
        "sets": len(load_sets()),
        "presets": str(presets_folder()),
        "executable": sys.executable,
    }
