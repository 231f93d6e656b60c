"""A model folder in which the small SDXL lies under the names of `sdxl-lightning`'s files, as if it had been fetched."""

from __future__ import annotations

import shutil
from pathlib import Path

from engines.diffusion.profile import read_profiles
from engines.manifest import read_manifest
from tests.engines.diffusion.tiny_sdxl import tiny_sdxl


def tiny_folder(made: Path, folder: Path) -> Path:
    """`folder`, filled from the parts that are made in `made`."""
    paths, manifest, profile = tiny_sdxl(made).paths, read_manifest(), read_profiles()["sdxl-lightning"]
    for part, name in {**profile.parts, **profile.extras}.items():
        first = manifest[name].files[0].path
        target = folder / name / first
        if paths[part].is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(paths[part], target)
        else:
            shutil.copytree(paths[part], target.parent)
    for encoder in ("text_encoder", "text_encoder_2"):
        whole = folder / "sdxl-base" / encoder / "model.safetensors"
        whole.rename(whole.with_name("model.fp16.safetensors"))
    return folder
