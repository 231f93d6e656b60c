"""What the page shows of a run, a kit and a product, as HTML. Every word from outside is escaped here."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from engines.base import EngineError
from studio.brand.check import Finding
from studio.console import span
from studio.desk.jobs import Finished
from studio.errors import LockupError
from studio.model import BrandKit, Check
from studio.products import CLEAN, SURE, ReadyProduct
from studio.runs import RunState

EMPTY = """<section class="empty"><div class="frames"><i></i><i></i><i></i><i></i><i></i></div>
<h2>Nothing made yet</h2><p>The brief on the left is the demo brand’s. Press <b>Make</b> to see it become ads,
or put in your own kit, product and words.</p></section>"""

# What Make would make, reckoned in the browser while boxes are ticked; `total` says the same at the start.
TOTAL_JS = """(...fields) => {
  const formats = fields.filter(Array.isArray).reduce((sum, group) => sum + group.length, 0);
  const count = fields.find((field) => typeof field === "number") ?? 0;
  return `<p class="sum">${formats} formats × ${count} variants = ${formats * count} ads</p>`;
}"""


def total(count: int, formats: int) -> str:
    """How many ads Make would make."""
    return f'<p class="sum">{formats} formats × {count} variants = {formats * count} ads</p>'


def link(path: Path) -> str:
    """The address the page's own server gives a file of the workspace."""
    return f"/gradio_api/file={quote(path.as_posix(), safe='/:')}"


def notice(error: LockupError | EngineError | None) -> str:
    """One line of what happened, one of what to do; nothing when all is well."""
    if error is None:
        return ""
    fix = f"<span>{escape(error.hint)}</span>" if error.hint else ""
    return f'<div class="notice" role="alert"><b>{escape(str(error))}</b>{fix}</div>'


def kit_card(kit: BrandKit, findings: Sequence[Finding]) -> str:
    """Swatches, type, and what is wrong with the kit, most serious first."""
    chips = "".join(
        f'<i style="background:{s.hex}" title="{escape(f"{s.role} {s.hex} {s.name}".strip())}"></i>'
        for s in kit.palette
    )
    faces = " · ".join(dict.fromkeys((kit.type.heading.family, kit.type.body.family)))
    worst = [found for found in findings if found.level != "note"]
    said = "".join(
        f"<li>{escape(found.message)}{f' <span>{escape(found.fix)}</span>' if found.fix else ''}</li>"
        for found in worst[:4]
    )
    mend = f"<details><summary>{len(worst)} to look at in this kit</summary><ul>{said}</ul></details>" if worst else ""
    return f'<div class="kit"><div class="chips">{chips}</div><small>{escape(faces)}</small>{mend}</div>'


def sureness(confidence: float) -> str:
    """A confidence in a designer's words."""
    said = "clean" if confidence >= CLEAN else "fair, check the edge" if confidence >= SURE else "unsure, mend it"
    return f"{confidence:.0%} sure: {said}"


def cutting(name: str) -> str:
    """While a photo is being cut out."""
    return f'<div class="product busy" role="status"><small>Cutting the product out {escape(name)}</small></div>'


def product_card(ready: ReadyProduct | None) -> str:
    """The cut-out on a checkerboard, and how sure the engine is of it."""
    if ready is None:
        return '<div class="product none"><small>No product: the scene stands alone.</small></div>'
    rgba, name = ready.product.rgba, ready.path.name
    image = Image.fromarray(rgba, "RGBA")
    image.thumbnail((360, 300))
    out = io.BytesIO()
    image.save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode()
    size = f"{rgba.shape[1]} × {rgba.shape[0]} px"
    if ready.cut is not None:
        size += f"<br>Cut out, {sureness(ready.cut.confidence)}"
    return (
        f'<figure class="product"><img alt="Product" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(name)}<small>{size}</small></figcaption></figure>"
    )


def progress(state: RunState) -> str:
    """How far it is, with time left; once over, what it came to."""
    now = state.now
    idle = "Waiting for the run before it" if state.waiting else "Starting"
    if state.report is None and state.trouble is None:
        head = f"{now.finished} of {_ads(now.to_finish)}"
        left = f"about {span(now.seconds_left)} left" if now.seconds_left is not None else ""
        pictures = f"{now.painted} of {now.to_paint} pictures" if now.to_paint else ""
        note = " · ".join(part for part in (pictures, left, now.text) if part)
        bar = f'<div class="bar" role="progressbar" aria-valuenow="{now.fraction:.0%}"><i style="width:'
        bar += f'{now.fraction:.1%}"></i></div>'
    else:
        head, note = _outcome(state)
        bar = ""
    return (
        f'<div class="progress"><p class="title">{escape(state.title)}</p>'
        f"<h2>{escape(head)}</h2><p>{escape(note or idle)}</p>{bar}</div>"
    )


def _outcome(state: RunState) -> tuple[str, str]:
    passed = sum(item.file.score.passed for item in state.finished)
    tested = sum(item.file.score.tested for item in state.finished)
    fidelity = f"{passed} of {tested} brand checks passed" if tested else ""
    if state.report is None:
        return f"{_ads(len(state.finished))}, then it could not go on", fidelity
    spent = f"{span(state.report.seconds['total'])}"
    missing = f"{len(state.failed)} not made" if state.failed else ""
    head = _ads(len(state.finished)) + (" before you stopped it" if state.report.stopped else "")
    return head, " · ".join(part for part in (fidelity, missing, spent) if part)


def _ads(count: int) -> str:
    return f"{count} ad" if count == 1 else f"{count} ads"


def gallery(state: RunState, thumb: Callable[[Path, Finished], Path]) -> str:
    """Every finished ad in rows of even height, each with its score."""
    if not state.finished and state.settled:
        return '<p class="quiet">No ad was finished.</p>'
    figures = []
    for item in state.finished:
        file, score = item.file, item.file.score
        aspect = file.width_px / file.height_px
        mark = "" if score.passed == score.tested else ' class="short"'
        figures.append(
            f'<figure class="ad" style="--aspect:{aspect:.4f};max-width:{file.width_px}px">'
            f'<a href="{link(state.out_dir / file.file)}" target="_blank" rel="noopener">'
            f'<img loading="lazy" alt="{escape(item.spec.format.name)}" src="{link(thumb(state.out_dir, item))}"></a>'
            f"<figcaption><span>{escape(item.spec.format.name)}</span>"
            f"<small>{file.width_px} × {file.height_px}  <b{mark}>{score.passed}/{score.tested}</b></small>"
            "</figcaption></figure>"
        )
    return f'<div class="ads">{"".join(figures)}</div>'


def mending(state: RunState) -> str:
    """What did not pass and what was not made, each with its remedy; alike ones together."""
    lines = [_line(failure.what, failure.message, failure.hint) for failure in state.failed]
    alike: dict[tuple[str, str], list[tuple[str, Check]]] = {}
    for item in state.finished:
        for check in item.file.score.failed:
            label = f"{item.spec.format.name}, variant {item.file.variant}"
            alike.setdefault((check.id, check.fix), []).append((label, check))
    for (_, fix), found in alike.items():
        who = found[0][0] + (f" and {len(found) - 1} more" if len(found) > 1 else "")
        lines.append(_line(who, found[0][1].message, fix))
    if state.report is not None:
        lines += [_line("The batch", check.message, check.fix) for check in state.report.drift if not check.passed]
    if not lines:
        return ""
    count = len(state.failed) + sum(len(found) for found in alike.values())
    return f'<details class="mend"><summary>{max(count, 1)} to mend</summary><ul>{"".join(lines)}</ul></details>'


def _line(what: str, message: str, fix: str) -> str:
    remedy = f"<span>{escape(fix)}</span>" if fix else ""
    return f"<li><b>{escape(what)}</b> {escape(message)}{remedy}</li>"


def files(state: RunState) -> str:
    """ZIP, contact sheet and folder of a run that is over."""
    if state.report is None or not state.finished:
        return ""
    archive, sheet = state.archive, state.report.contact_sheet
    zipped = f'<a class="button" id="zip" href="{link(archive)}" download>Download ZIP</a>' if archive else ""
    sheet_link = f'<a class="button" id="sheet" href="{link(sheet)}" target="_blank">Contact sheet</a>' if sheet else ""
    return f'<div class="files">{zipped}{sheet_link}<small>{escape(str(state.out_dir))}</small></div>'
