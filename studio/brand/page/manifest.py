"""A page's web app manifest. Source of the form: w3.org/TR/appmanifest."""

from __future__ import annotations

import json
from typing import Any

from studio.brand.page.tree import Page, decode
from studio.brand.source.site import Site

_MAX_TEXT = 500_000


def app_manifest(page: Page, site: Site) -> tuple[dict[str, Any], str]:
    """The manifest's members and its address; an empty one and an empty address where there is none to be read."""
    for link in page.links("manifest")[:2]:
        url = site.resolve(link.get("href"), page.base)
        resource = site.read(url, "data") if url else None
        if resource is None:
            continue
        try:
            stated = json.loads(decode(resource.data[:_MAX_TEXT], resource.charset))
        except (ValueError, RecursionError):
            continue
        if isinstance(stated, dict):
            return stated, resource.url
    return {}, ""
