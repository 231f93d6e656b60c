"""Where real inputs lie, for tests that use them where present: `LOCKUP_SAMPLES`, else `shared/data` beside the project."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = Path(os.environ.get("LOCKUP_SAMPLES") or ROOT.parent / "shared" / "data")
