"""Small sites written by the tests, opened as a designer's saved copies."""

from __future__ import annotations

from pathlib import Path

from studio.brand.page.look import Look, Seen, look_at
from studio.brand.page.sheets import read_sheets
from studio.brand.page.tree import read_page
from studio.brand.source.saved import SavedSite, open_saved


def site_of(folder: Path, html: str, **files: str | bytes) -> SavedSite:
    """A site of one page and files; `css_main_css` is written as `css/main.css` (the last underscore is the dot)."""
    (folder / "index.html").write_text(html, "utf-8")
    for name, content in files.items():
        stem, _, ending = name.rpartition("_")
        path = folder / f"{stem.replace('__', '/')}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_saved(folder)


def look_of(site: SavedSite) -> Look:
    resource = site.read(site.start, "page")
    assert resource is not None
    page = read_page(resource, site)
    return look_at(page, read_sheets(page, site))


def seen(look: Look, named: str) -> Seen:
    """The first element with this id, class or tag."""
    for one in look.seen:
        if named in (one.element.get("id"), one.element.tag) or named in one.element.classes:
            return one
    raise AssertionError(f"no {named}")


def styled(folder: Path, css: str, body: str, **files: str | bytes) -> Look:
    return look_of(
        site_of(folder, f"<!doctype html><html><head><style>{css}</style></head><body>{body}</body></html>", **files)
    )
