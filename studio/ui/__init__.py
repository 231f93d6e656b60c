"""What is seen. The only place that imports gradio, and here is how: silently, without what its authors alone need."""

from __future__ import annotations

import inspect
import os
from typing import Any

# Nothing leaves the machine: these are read when Gradio is imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


def _import_gradio() -> None:
    """Gradio writes a stub beside the source of each of its components whenever it is imported: a third of the time it
    takes. It leaves out components that come from no file, so that is what it is told."""
    known = inspect.getfile

    def getfile(thing: Any) -> str:
        if type(thing).__name__ == "ComponentMeta":
            raise OSError("no stub is wanted")
        return known(thing)

    inspect.getfile = getfile
    try:
        import gradio  # noqa: F401
    finally:
        inspect.getfile = known


_import_gradio()
