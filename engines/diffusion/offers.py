"""The painters on diffusion models as they are listed, opened and fetched: what is here, what is not, what mends it.

Listing reads headers and sizes only, and remembers them by size and time of change. Loads no torch.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from engines import weights as w
from engines.base import AdapterFacts, EngineError, Offer, Painter, Progress
from engines.diffusion import ledger, parts
from engines.diffusion.lora import check, read_lora
from engines.diffusion.probe import BASES
from engines.diffusion.profile import BASE_OF, FETCH, Profile, capabilities, read_profiles, recipe
from engines.manifest import Weights, read_manifest
from engines.residency import Residency
from engines.terms import Terms, agree, terms_beside

INSTALL = 'pip install -e ".[diffusion]"'
PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "peft", "safetensors")
_PX = 1024
_PATIENCE_S = 4.0


@dataclass(frozen=True)
class OnOffer:
    """A painter on offer, and what it is opened with."""

    offer: Offer
    profile: Profile
    found: parts.Found


def on_offer(folders: Sequence[Path], licence: str = "") -> tuple[OnOffer, ...]:
    """Every painter of the profiles, then one for each SDXL checkpoint in `folders`. `licence`: the one the designer
    has read, for checkpoints that state none."""
    manifest, profiles, loose = read_manifest(), read_profiles(), parts.loose_in(folders)
    listed = [
        _listed(profile, parts.found(profile, folders, manifest, loose), manifest)
        for profile in profiles.values()
        if not profile.takes
    ]
    owned = list(_own(folders, licence, manifest, profiles, loose))
    return (*listed, *(owned or [_no_own(next(p for p in profiles.values() if p.takes), folders)]))


def create(
    painter_id: str,
    folders: Sequence[Path],
    licence: str = "",
    residency: Residency | None = None,
    engines: Path | None = None,
) -> Painter:
    """Open a painter that is listed and lacks nothing. Loads torch, and weights at the first picture. `engines` is the
    folder of built engines. Raises `EngineError` for what it lacks and for files that are damaged."""
    one = next((one for one in on_offer(folders, licence) if one.offer.id == painter_id), None)
    if one is None:
        raise EngineError(f"There is no painter called {painter_id}", "List them: python app.py engines list")
    if one.offer.reason:
        raise EngineError(f"{painter_id} cannot paint yet: {one.offer.reason}", one.offer.fix or "Choose another.")
    for path in one.found.parts.paths.values():
        for file in (path,) if path.is_file() else sorted(path.rglob("*.safetensors")):
            w.check_file(file)
    from engines.diffusion.painter import create as open_painter

    return open_painter(one.profile, one.found.parts, residency, engines)


# ------------------------------------------------------------------------------------------------ listing


def _listed(profile: Profile, found: parts.Found, manifest: Mapping[str, Weights]) -> OnOffer:
    whole = [manifest[name] for name in (*profile.parts.values(), *profile.extras.values())]
    absent = [manifest[name] for name in (*found.missing, *found.lacking)]
    reason, fix = _lacks(profile)
    if not reason and found.missing:
        reason = f"Its weights are not here: {', '.join(manifest[name].name for name in found.missing)}"
        fix = f"{FETCH} {profile.id}"
    forbidding = [weights for weights in whole if not weights.commercial]
    offer = Offer(
        profile.id,
        "painter",
        f"{profile.name} (experimental)" if profile.experimental else profile.name,
        licence=", ".join(licences(whole)),
        commercial=not forbidding,
        reason=reason or (f"{forbidding[0].licence} does not allow paid ads" if forbidding else ""),
        capabilities=capabilities(profile, found.parts.paths),
        bytes=sum(weights.bytes for weights in absent),
        fetchable=bool(absent),
        fix=fix,
        recipe=recipe(profile, found.parts.digest),
    )
    return OnOffer(offer, profile, found)


def _own(
    folders: Sequence[Path],
    licence: str,
    manifest: Mapping[str, Weights],
    profiles: Mapping[str, Profile],
    loose: Sequence[Path],
) -> Iterator[OnOffer]:
    models = parts.own("sdxl", folders)
    for model, painter_id in zip(models, parts.ids(models), strict=True):
        profile = replace(parts.painted_by(model, profiles), id=painter_id)
        one = _listed(profile, parts.with_own(profile, model, folders, manifest, loose), manifest)
        terms, why = _terms_of(model, licence)
        reason, fix = one.offer.reason, one.offer.fix
        if one.found.missing:
            fix = f"{FETCH} {one.found.missing[0]}"
        if model.probed.variant:
            fix = ""
            reason = f"It is an SDXL model of the kind {model.probed.variant}, which does not paint whole pictures here"
        offer = replace(
            one.offer,
            name=f"{model.path.name}: your own SDXL checkpoint",
            licence=terms.licence or "not stated",
            commercial=bool(terms.paid_ads),
            reason=reason or why,
            fix=fix,
            fetchable=False,
        )
        yield replace(one, offer=offer)


def _terms_of(model: parts.Own, licence: str) -> tuple[Terms, str]:
    """Under whose terms a designer's own checkpoint is, and why it may not be used, if so."""
    try:
        stated = terms_beside(model.path)
        return agree(model.path.name, stated, licence, option=""), ""
    except EngineError as error:
        return Terms(), f"{error}. {error.hint}"


def _no_own(profile: Profile, folders: Sequence[Path]) -> OnOffer:
    reason, fix = _lacks(profile)
    places = ", ".join(str(folder) for folder in folders) or "a folder named in LOCKUP_MODELS"
    offer = Offer(
        profile.id,
        "painter",
        profile.name,
        licence="its own",
        reason=reason or f"No SDXL checkpoint (safetensors) was found in {places}",
        capabilities=capabilities(profile, ()),
        fix=fix,
    )
    return OnOffer(offer, profile, parts.Found(parts.Parts({})))


def _lacks(profile: Profile) -> tuple[str, str]:
    """What this machine lacks for a family, and what mends it."""
    absent = [name for name in PACKAGES if find_spec(name) is None]
    if absent:
        return f"{' and '.join(absent[:2])} {'is' if len(absent) == 1 else 'are'} not installed", INSTALL
    card = card_bytes()
    if card:
        least = ledger.plan(card, ledger.weigh(replace(profile, extras={})), ledger.Job(profile.family, _PX, _PX))
        if not least.fits:
            return (
                f"The graphics card has {card / 1e9:.0f} GB; this painter needs about"
                f" {(least.peak + ledger.RESERVE) / 1e9:.0f} GB", "",
            )  # fmt: skip
    return "", ""


@cache
def card_bytes() -> int:
    """Memory of the first graphics card as its driver states it; 0 where there is none. Asked once."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return 0
    try:
        asked = [tool, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
        said = subprocess.run(asked, capture_output=True, text=True, timeout=_PATIENCE_S, check=True).stdout
        return int(float(said.split()[0])) << 20
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0


# ------------------------------------------------------------------------------------------------ fetching


def licences(models: Iterable[Weights]) -> list[str]:
    """The licences of some models by name, each once, what restricts most first."""
    first = sorted(models, key=lambda weights: (weights.commercial, weights.licence in _FREE))
    return list(dict.fromkeys(weights.licence for weights in first))


_FREE = ("Apache-2.0", "MIT", "BSD-3-Clause")


def fetchable(name: str, folders: Sequence[Path]) -> tuple[Weights, ...]:
    """The models that `fetch` of a painter or of one model brings: those that are not here. Raises `EngineError` for a
    name that is neither."""
    manifest, profiles = read_manifest(), read_profiles()
    if name in profiles:
        found = parts.found(profiles[name], folders)
        wanted = [manifest[part] for part in (*found.missing, *found.lacking)]
        return tuple(dict.fromkeys(wanted))
    if name not in manifest:
        raise EngineError(f"There is nothing to fetch called {name}", f"Known: {', '.join((*profiles, *manifest))}")
    return (manifest[name],)


def fetch(name: str, folder: Path, folders: Sequence[Path], accept: str, progress: Progress | None = None) -> Path:
    """Fetch what a painter lacks, its extras too, or one model by its id. Returns the folder it lies in.

    `accept`: the names of all licences it is under, separated by commas, in any order. Nothing is fetched before all of
    them are named. Raises `EngineError`, and `Stopped` (what came so far is kept).
    """
    progress = progress or Progress()
    wanted = fetchable(name, folders)
    profile = read_profiles().get(name)
    if profile and profile.takes and not wanted:
        raise EngineError(
            f"{name} paints with a checkpoint of your own; there is nothing to fetch for it",
            f"Put one (safetensors) into {folder}, or name the models folder of ComfyUI, Forge or InvokeAI in"
            " LOCKUP_MODELS.",
        )
    named = {part.strip() for part in accept.split(",")}
    refused = [weights for weights in wanted if weights.licence not in named]
    if refused:
        raise _not_accepted(name, wanted, refused)
    for weights in wanted:
        agree(weights.name, Terms(weights.licence, weights.commercial, weights.licence_url))
    total, done = sum(weights.bytes or 1 for weights in wanted), 0
    for weights in wanted:
        share = progress.part(done / total, (weights.bytes or 1) / total)
        w.fetch(weights, folder, accept_licence=weights.licence, progress=share)
        done += weights.bytes or 1
    return folder


def _not_accepted(name: str, wanted: Sequence[Weights], refused: Sequence[Weights]) -> EngineError:
    read = " and ".join(dict.fromkeys(f"{weights.licence} at {weights.licence_url}" for weights in refused))
    notes = " ".join(dict.fromkeys(weights.note for weights in refused if weights.note))
    size = sum(weights.bytes for weights in wanted)
    return EngineError(
        f"{name} is under licences that have not been accepted: {', '.join(licences(refused))}"
        + (f". About {size / 1e9:.1f} GB would be fetched" if size else ""),
        f'Read {read} . {notes} Then accept by name: {FETCH} {name} --accept "{", ".join(licences(wanted))}"',
    )


# ------------------------------------------------------------------------------------------------ LoRAs


def adapter_facts(path: Path, painter_id: str) -> AdapterFacts:
    """What a LoRA is, and whether a painter can wear it. Raises `EngineError` for a file that is none."""
    facts, reason, hint = read_lora(path), "", ""
    profiles = read_profiles()
    profile = profiles.get(painter_id) or (profiles["local"] if painter_id.startswith("local-") else None)
    if profile is None:
        reason, hint = f"{painter_id} takes no LoRAs", "Choose a painter that does."
    else:
        try:
            check(path, BASE_OF[profile.family])
        except EngineError as error:
            reason, hint = str(error), error.hint
    base = BASES[facts.base]
    return AdapterFacts(facts.title, facts.kind, base, facts.family, facts.keys, facts.rank, facts.words, reason, hint)
