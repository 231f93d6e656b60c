"""The first start: a sample brand and a finished campaign are there to look at."""

from __future__ import annotations

import logging
from pathlib import Path

from studio.brand.kit import copy_kit
from studio.brief.draft import Draft
from studio.errors import LockupError
from studio.studio import Studio

log = logging.getLogger(__name__)


def first_draft(studio: Studio, demo: Path) -> Draft:
    """The draft a new workspace begins with: the demo brand's campaign. Its kit is put on the shelf where there is none
    yet; `demo` is the folder `assets/demo`."""
    kit = next((one.id for one in studio.shelf.listed()), "")
    try:
        if not kit:
            folder = studio.shelf.place("Solbrae")
            folder.rmdir()
            copy_kit(demo / "brand", folder)
            kit = folder.name
        brief = studio.read_brief(demo / "brief.toml")
    except LockupError as error:
        log.warning("the sample is not there: %s", error)
        return Draft(kit=kit)
    return Draft(
        kit=kit, title="Summer light", subject=brief.subject, scene=brief.scene, headlines=brief.headlines,
        body=brief.body, action=brief.action, price=brief.price, legal=brief.legal,
        formats=("meta-square", "meta-portrait", "meta-story", "meta-link", "display-300x250", "display-728x90"),
    )  # fmt: skip
