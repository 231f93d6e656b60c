"""The stage that teaches words and pictures to mean the same: CLIP's contrast (Radford et al. 2021), and what is in the
picture, read from either. The text encoder goes on learning with the denoiser; the image encoder is done after this."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPVisionModelWithProjection
from transformers.utils.constants import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from .condition import Words, spoken
from .data import ATTRIBUTES
from .learn import Stage, Task, learned
from .nets import image_encoder, text_encoder
from .pool import Pool

NAME = "encoders"
RATE = 1e-3
SEEN_PX = 128


class Encoders(nn.Module):
    """Both encoders, with heads that read the attributes and are thrown away afterwards."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        size = task.sizes
        self.text, self.image = text_encoder(size), image_encoder(size)
        self.said = nn.ModuleList(nn.Linear(2 * size.width, len(values)) for values in ATTRIBUTES.values())
        self.shown = nn.ModuleList(nn.Linear(size.width, len(values)) for values in ATTRIBUTES.values())
        self.warmth = nn.Parameter(torch.tensor(2.3))

    def forward(self, ids: Tensor, views: Tensor, attributes: Tensor) -> Tensor:
        """The loss over N prompts, their pictures and what both are of."""
        tokens, said = spoken(self.text, ids)
        shown = look_at(self.image, views)
        alike = functional.normalize(said, dim=1) @ functional.normalize(shown, dim=1).T * self.warmth.clamp(0, 4).exp()
        own = torch.arange(len(ids), device=ids.device)
        loss = (functional.cross_entropy(alike, own) + functional.cross_entropy(alike.T, own)) / 2
        heard = torch.cat([said, tokens.mean(1)], 1)
        for place, (from_text, from_image) in enumerate(zip(self.said, self.shown, strict=True)):
            wanted = attributes[:, place]
            loss = loss + 0.3 * functional.cross_entropy(from_image(shown), wanted)
            loss = loss + 0.1 * functional.cross_entropy(from_text(heard), wanted)
        return loss


def train(task: Task) -> None:
    """Train on the pool's views until the task's time is spent."""
    torch.manual_seed(task.seed)
    stage: Stage[Encoders] = Stage.begin(Encoders(task), task, NAME, RATE)
    words, pool = Words(task), Pool(task.folder / "pool", ("views",))
    rng = np.random.default_rng(task.seed + stage.step)

    def learn(progress: float) -> float:
        batch = pool.batch(rng, task.batch, task.device)
        views = worn(_present(batch.views), rng)
        with torch.autocast(views.device.type, torch.bfloat16):
            loss = stage.net(words.ids(words.reworded(batch, rng)), views, batch.attributes)
        return stage.down(loss, progress)

    stage.go_on(learn, task.seconds, task.checkpoint(NAME))
    read = accuracy(stage.mean, pool, task, np.random.default_rng(7))
    print(f"{NAME}: read from the picture {', '.join(f'{n} {a:.0%}' for n, a in read.items())}", flush=True)


@torch.no_grad()
def accuracy(net: Encoders, pool: Pool, task: Task, rng: np.random.Generator) -> dict[str, float]:
    """How often each attribute is read right from pictures of the pool it was trained on."""
    right = np.zeros(len(ATTRIBUTES))
    for _ in range(8):
        batch = pool.batch(rng, 32, task.device)
        shown = look_at(net.image, centred(_present(batch.views)))
        found = torch.stack([head(shown).argmax(1) for head in net.shown], 1)
        right += (found == batch.attributes).float().mean(0).cpu().numpy() / 8
    return dict(zip(ATTRIBUTES, right.tolist(), strict=True))


def opened(task: Task) -> Encoders:
    """Both encoders as learned."""
    return learned(Encoders(task), task, NAME)


def look_at(eye: CLIPVisionModelWithProjection, views: Tensor) -> Tensor:
    """N×width: what the image encoder says of N×3×128×128 in −1…1. It sees them as the stock processor of its class
    hands them over."""
    mean, deviation = (views.new_tensor(values)[:, None, None] for values in (OPENAI_CLIP_MEAN, OPENAI_CLIP_STD))
    return eye(((views + 1) / 2 - mean) / deviation).image_embeds.float()


def centred(views: Tensor) -> Tensor:
    """The middle of views, as large as the image encoder sees."""
    start = (views.shape[-1] - SEEN_PX) // 2
    return views[..., start : start + SEEN_PX, start : start + SEEN_PX]


def worn(views: Tensor, rng: np.random.Generator) -> Tensor:
    """Views cut out at random and treated as pictures from elsewhere are: softened, grainy, brighter, tinted. Never
    mirrored, as left and right are said."""
    room = views.shape[-1] - SEEN_PX
    top, left = (int(rng.integers(room + 1)) for _ in range(2))
    cut = views[..., top : top + SEEN_PX, left : left + SEEN_PX]
    if rng.random() < 0.3:
        half = functional.avg_pool2d(cut, 2)
        cut = functional.interpolate(half, scale_factor=2.0, mode="bilinear", align_corners=False)
    gain = torch.from_numpy(rng.normal(1, 0.06, (len(cut), 3, 1, 1)).astype(np.float32)).to(cut.device)
    lift = torch.from_numpy(rng.normal(0, 0.05, (len(cut), 1, 1, 1)).astype(np.float32)).to(cut.device)
    grain = float(rng.random()) * 0.08
    return (cut * gain + lift + grain * torch.randn_like(cut)).clamp(-1, 1)


def _present(part: Tensor | None) -> Tensor:
    if part is None:
        raise ValueError("the pool was opened without the part that is needed")
    return part
