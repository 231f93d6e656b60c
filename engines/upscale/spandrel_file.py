"""Upscalers of the ESRGAN, SPAN, DAT and Compact families and their kin, from safetensors files, through spandrel."""

from __future__ import annotations

import copy
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from engines.base import EngineError, Plane
from engines.tensors import read_header
from engines.terms import Terms, agree, terms_beside
from engines.upscale.cost import said
from engines.weights import sha256_of

MARGIN_PX = 32
TILE_PX = {"cuda": 512, "cpu": 256}
PICKLES = (".pth", ".pt", ".ckpt", ".bin", ".pkl")
_COUNTED_PX = 64


def create(path: str | Path, licence: str = "", device: str = "") -> SpandrelUpscaler:
    """An upscaler from a safetensors file whose architecture spandrel knows.

    The licence is read from `<file name>.toml` beside the file, or stated. `device`: `cuda` or `cpu`, else the best
    there is. Raises `EngineError` when the file is unsound, of an unknown kind, no upscaler of colour pictures, may not
    be used in paid ads, or spandrel is not installed.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() in PICKLES:
        raise EngineError(
            f"{path.name} may run code when it is opened",
            "Convert it to safetensors where that does no harm, or fetch it in that form.",
        )
    if path.suffix.lower() != ".safetensors":
        raise EngineError(f"{path.name} is not a safetensors file", "Choose a file that ends in .safetensors.")
    read_header(path)
    terms = agree(path.name, terms_beside(path), licence)
    spandrel, torch = _libraries()
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return SpandrelUpscaler(path, terms, _load(spandrel, path, device), device)


class SpandrelUpscaler:
    """See `engines.base.Upscaler`. `architecture`, `licence` and `cost` are for the screens. spandrel clips to 0–1."""

    def __init__(self, path: Path, terms: Terms, model: Any, device: str) -> None:
        import torch

        self.id = f"file:{path.name}"
        self.recipe = f"spandrel 1 sha256:{sha256_of(path)}"
        self.architecture: str = model.architecture.name
        self.licence = terms.licence
        self.scale: int = model.scale
        self.margin_px = MARGIN_PX
        self.tile_px = TILE_PX[device]
        self.cost = _cost(model)
        self._kind = torch.float32
        if device == "cuda" and (model.supports_half or model.supports_bfloat16):
            self._kind = torch.float16 if model.supports_half else torch.bfloat16
        self._device = device
        self._model = model.to(device=device, dtype=self._kind).eval()
        kind = str(self._kind).removeprefix("torch.")
        self.runtime = f"spandrel {self.architecture}, PyTorch {torch.__version__}, {device.upper()} {kind}"

    def enlarge(self, tile: Plane) -> Plane:
        """See `engines.base.Upscaler`. Sides the network cannot take are padded by reflection, and cropped again."""
        import torch

        batch = torch.from_numpy(np.ascontiguousarray(tile.transpose(2, 0, 1)[None], np.float32))
        with torch.inference_mode():
            out = self._model(batch.to(self._device, self._kind))
        return out[0].permute(1, 2, 0).float().cpu().numpy()


def _libraries() -> tuple[Any, Any]:
    try:
        spandrel, torch = import_module("spandrel"), import_module("torch")
    except (ImportError, RuntimeError, OSError) as error:  # A torchvision built for another torch raises RuntimeError.
        missing = getattr(error, "name", None) or "spandrel"
        raise EngineError(
            f"{missing} cannot be used, which reading this kind of file needs: {str(error).splitlines()[0][:120]}",
            'Install it: pip install -e ".[gpu]"',
        ) from error
    return spandrel, torch


def _load(spandrel: Any, path: Path, device: str) -> Any:
    try:
        model = spandrel.ModelLoader(device=device).load_from_file(path)
    except spandrel.UnsupportedModelError as error:
        raise EngineError(
            f"{path.name} is of no architecture that is known", "Use ESRGAN, SPAN, DAT, Compact …"
        ) from error
    except (RuntimeError, ValueError, KeyError, AssertionError) as error:
        why = " ".join(str(error).split())[:160]
        raise EngineError(f"{path.name} does not fit its architecture: {why}", "Fetch it again.") from error
    colour = getattr(model, "input_channels", 0) == 3 and getattr(model, "output_channels", 0) == 3
    if not isinstance(model, spandrel.ImageModelDescriptor) or not colour or model.scale < 2:
        raise EngineError(
            f"{path.name} ({model.architecture.name}, {getattr(model, 'scale', 1)}×) does not enlarge colour pictures",
            "Use a super-resolution network of 2× or more.",
        )
    return model


def _cost(model: Any) -> str:
    """Counted without computing, on tensors that have a shape and no numbers; "" where an architecture cannot."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    side = max(_COUNTED_PX, model.size_requirements.minimum)
    side += -side % model.size_requirements.multiple_of
    try:
        shape_only = copy.deepcopy(model.model).eval().to("meta")
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            shape_only(torch.empty(1, 3, side, side, device="meta"))
    except Exception:
        return ""
    return said(counter.get_total_flops() / (side * model.scale) ** 2 / 1e6)
