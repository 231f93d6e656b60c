"""The built-in model's networks as seven ONNX graphs, for painting without torch.

    python -m engines.nano.graphs FOLDER

The graphs lie at the top of a folder that `assemble` wrote, and hold no weights: each is read from the safetensors
files below by its place in them, half precision as it lies there, and widened when the graph is opened. A weight is
found by its value, so that it does not matter how an exporter names, reshapes or turns it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engines.accelerate import flat
from engines.accelerate.export import apart, write
from engines.accelerate.graph import Frame, Graph, Tensor
from engines.accelerate.shapes import Shape
from engines.base import EngineError

from . import assemble
from .condition import guidance
from .encoders import SEEN_PX, look_at
from .nets import CHANNELS, END, FACTOR, FACTS, LOOK_TOKENS, ROLES, START, TOKENS

FRAME = Frame(FACTOR, TOKENS + ROLES)
TOLERANCE = 2e-4
"""How far a graph may be off its network, relative to the range of what that gives; pixels may be one level off."""
MADE_AT, ALSO_AT = Shape(256, 192, batch=2), Shape(128, 320, batch=3)
"""Where graphs are traced, and where they are checked as well."""
SMALL = 64
"""Weights of no more numbers lie in the graph itself."""

Fill = Callable[[str, tuple[int, ...]], torch.Tensor]


def graphs(model: assemble.Model) -> Iterator[Graph]:
    """All seven, one after the other; the UNet wears the reference from then on."""
    width = int(model.unet.config["cross_attention_dim"])
    step = FACTOR * 2 ** (len(model.unet.config["block_out_channels"]) - 1)
    latent = ("b", CHANNELS, *(f"{step // FACTOR}*{side}" for side in "hw"))
    picture = ("b", f"{step}*h", f"{step}*w", 3)
    yield Graph(
        "words", _Words(model.told.text), {"ids": Tensor(("b", TOKENS), "ids")},
        {"tokens": Tensor(("b", TOKENS, width)), "pooled": Tensor(("b", width))}, _fill, exporter="script",
    )  # fmt: skip
    yield Graph(
        "palette", model.told.palette, {"palettes": Tensor(("b", ROLES, FACTS))},
        {"tokens": Tensor(("b", ROLES, width)), "pooled": Tensor(("b", width))}, _fill, exporter="script",
    )  # fmt: skip
    yield Graph(
        "look", _Look(model.eye), {"views": Tensor(("b", SEEN_PX, SEEN_PX, 3), "pixels")},
        {"look": Tensor(("b", width))}, _fill, exporter="script",
    )  # fmt: skip
    coders = {"fill": _fill, "exporter": "script", "step_px": step}
    takes, gives = {"pictures": Tensor(picture, "pixels")}, {"latents": Tensor(latent)}
    yield Graph("encode", _Encode(model.vae), takes, gives, **coders)
    takes, gives = {"latents": Tensor(latent)}, {"pictures": Tensor(picture, "pixels")}
    yield Graph("decode", _Decode(model.vae), takes, gives, **coders)
    control = flat.plain_control(model.control, FRAME)
    yield Graph("control", control.module, control.takes, control.gives, _fill, exporter="script", step_px=step)
    assemble.wear_reference(model.unet, model)
    yield _velocity(model.unet)


def _velocity(network: Any) -> Graph:
    """The UNet as `flat.unet` has it, with guidance as a number, references as vectors, and one map of weights each
    (`places`, at the latents' size) instead of layers' weights and masks."""
    inner, projection = flat.unet(network, FRAME), network.encoder_hid_proj.image_projection_layers[0]
    told = {name: one for name, one in inner.takes.items() if not name.startswith(("ip_", "timestep_cond"))}
    count, width = inner.takes["ip_scale"].sizes[1], network.config.cross_attention_dim
    takes = {
        **told,
        "guidance": Tensor(("b",)),
        "looks": Tensor(("b", count, width)),
        "places": Tensor(("b", count, *inner.takes["sample"].sizes[2:])),
    }
    outer = _Velocity(inner, projection, tuple(takes))
    return Graph(
        "unet", outer, takes, {"velocity": inner.gives["noise"]}, _fill, inner.ready, "script", inner.step_px
    )  # fmt: skip


class _Words(nn.Module):
    def __init__(self, text: Any) -> None:
        super().__init__()
        self.text = text

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        said = self.text(ids, output_hidden_states=True)
        return said.hidden_states[-2], said.text_embeds


class _Look(nn.Module):
    def __init__(self, eye: Any) -> None:
        super().__init__()
        self.eye = eye

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        return look_at(self.eye, views.permute(0, 3, 1, 2).float() / 127.5 - 1)


class _Encode(nn.Module):
    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.encoder, self.scale = vae.encoder, float(vae.config["scaling_factor"])

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.encoder(pictures.permute(0, 3, 1, 2).float() / 127.5 - 1) * self.scale


class _Decode(nn.Module):
    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.decoder, self.scale = vae.decoder, float(vae.config["scaling_factor"])

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        made = self.decoder(latents / self.scale)
        return ((made + 1) * 127.5).clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1)


class _Velocity(nn.Module):
    def __init__(self, inner: Graph, projection: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.module, self.projection = inner.module, projection
        self._takes, self._names = inner.takes, names

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        named = dict(zip(self._names, given, strict=True))
        looks, places = named["looks"], named["places"]
        count = looks.shape[1]
        tokens = self.projection(looks.flatten(0, 1)[:, None])
        named["ip_tokens"] = tokens.reshape(-1, count, LOOK_TOKENS, tokens.shape[-1])
        named["ip_scale"] = torch.ones(self._takes["ip_scale"].sizes)  # type: ignore[arg-type]
        for name in self._takes:
            if name.startswith("ip_masks_"):
                factor = int(name.rpartition("_")[2])
                named[name] = places if factor == 1 else nn.functional.avg_pool2d(places, factor)
        named["timestep_cond"] = guidance(named["guidance"])
        return self.module(*(named[name] for name in self._takes))


def _fill(name: str, sizes: tuple[int, ...]) -> torch.Tensor:
    """Numbers like those of real pictures."""
    if name == "ids":
        ids = torch.randint(2, START, sizes)
        ids[:, 0], ids[:, sizes[1] // 2 :] = START, END
        return ids
    if name == "timestep":
        return torch.full(sizes, 749.0)
    if name == "time_ids":
        return torch.tensor([512.0, 512.0, 0.0, 0.0, 512.0, 512.0]).expand(sizes).clone()
    if name in ("views", "pictures"):
        return torch.randint(0, 256, sizes)
    if name in ("palettes", "places", "map_0"):
        return torch.rand(sizes)
    if name == "guidance":
        return torch.full(sizes, 2.5)
    return torch.randn(sizes) * (0.1 if name.startswith(("down_", "mid")) else 1.0)


# --------------------------------------------------------------------------------------------- weights where they lie


def write_graphs(folder: Path) -> dict[str, float]:
    """Write the graphs of an assembled folder. Returns how far each is off its network, relative to the range of what
    that gives. Raises `EngineError` where one is too far off, or needs a weight that does not lie in the folder."""
    model = assemble.read(folder)
    stored, off = _stored(folder), {}
    for graph in graphs(model):
        path = folder / f"{graph.name}.onnx"
        graph.module.eval()
        with torch.no_grad(), graph.ready():
            with tempfile.TemporaryDirectory() as scratch:
                whole = Path(scratch) / path.name
                write(graph, graph.example(MADE_AT), whole, dynamic=True)
                _refer(whole, path, stored)
            off[graph.name] = max(_off(graph, path, shape) for shape in (MADE_AT, ALSO_AT))
        if not off[graph.name] <= TOLERANCE:
            raise EngineError(f"{path.name} is off by {off[graph.name]:.2g} of its range", f"{TOLERANCE} is allowed.")
    return off


Stored = Mapping[bytes, tuple[str, int]]
"""A weight's bytes to the file it lies in, relative to the folder, and where."""


def _stored(folder: Path) -> Stored:
    """Every weight of the safetensors files: eight bytes of length, a header in JSON, and the numbers."""
    found: dict[bytes, tuple[str, int]] = {}
    for path in sorted(folder.rglob("*.safetensors")):
        data = path.read_bytes()
        start = 8 + int.from_bytes(data[:8], "little")
        for name, facts in json.loads(data[8:start]).items():
            if name != "__metadata__":
                first, last = facts["data_offsets"]
                place = (path.relative_to(folder).as_posix(), start + first)
                found.setdefault(data[start + first : start + last], place)
    return found


def _refer(whole: Path, path: Path, stored: Stored) -> None:
    """Write the graph of `whole` to `path` with its weights by reference."""
    import onnx

    model = onnx.load(whole)
    kept, first = [], []
    for one in model.graph.initializer:
        values = onnx.numpy_helper.to_array(one)
        if values.dtype != np.float32 or values.size <= SMALL:
            kept.append(one)
            continue
        half = values.astype(np.float16)
        place, turned = stored.get(half.tobytes()), False
        if place is None and half.ndim == 2:
            place, turned = stored.get(half.T.tobytes()), True
        if place is None:
            raise EngineError(f"{path.name} needs {one.name} {values.shape}, which is not in the folder", "")
        where = {"location": place[0], "offset": str(place[1]), "length": str(half.nbytes)}
        lies = onnx.TensorProto(
            name=f"{one.name}.lies",
            data_type=onnx.TensorProto.FLOAT16,
            dims=half.T.shape if turned else half.shape,
            data_location=onnx.TensorProto.EXTERNAL,
            external_data=[onnx.StringStringEntryProto(key=key, value=value) for key, value in where.items()],
        )
        kept.append(lies)
        wide = f"{one.name}.wide" if turned else one.name
        first.append(onnx.helper.make_node("Cast", [lies.name], [wide], to=onnx.TensorProto.FLOAT))
        if turned:
            first.append(onnx.helper.make_node("Transpose", [wide], [one.name], perm=[1, 0]))
    rest = list(model.graph.node)
    del model.graph.initializer[:], model.graph.node[:], model.graph.value_info[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend([*first, *rest])
    onnx.helper.set_model_props(model, {"licence": "Apache-2.0"})
    path.write_bytes(model.SerializeToString())


def _off(graph: Graph, path: Path, shape: Shape) -> float:
    from .sessions import opened

    example = graph.example(shape)
    wanted = graph.module(*example)
    session = opened(path, 1)
    heard = {one.name for one in session.get_inputs()}  # a control net without attention hears no words
    given = {name: value.numpy() for name, value in zip(graph.inputs, example, strict=True) if name in heard}
    got = session.run(list(graph.outputs), given)
    worst = 0.0
    for one, other in zip(got, (wanted,) if torch.is_tensor(wanted) else wanted, strict=True):
        if one.dtype == np.uint8:
            level = np.abs(one.astype(int) - other.numpy())
            worst = max(worst, 0.0 if level.max() <= 1 and level.mean() < 1e-2 else float(level.max()))
        else:
            worst = max(worst, apart(torch.from_numpy(one), other))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="a model that was assembled")
    folder = parser.parse_args().folder
    for name, off in write_graphs(folder).items():
        print(f"{name}.onnx: {(folder / name).with_suffix('.onnx').stat().st_size / 1e3:.0f} kB, off by {off:.1e}")


if __name__ == "__main__":
    main()
