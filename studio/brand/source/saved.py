"""A site that was saved: a folder, one page of it, a ZIP, or a web archive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from studio.brand.source.address import resolved, tidy
from studio.brand.source.archive import Mhtml, Zip, cid_name
from studio.brand.source.content import CALLED, charset_of, ending_type, judged
from studio.brand.source.folder import Files, Folder, NotRead
from studio.brand.source.intake import Intake, Limits, printable, short_inline
from studio.brand.source.site import Kind, Resource
from studio.errors import BadInput

HOST = "saved.invalid"
"""No name under `.invalid` exists (RFC 6761), so these addresses never reach the network."""

_ROOT = f"https://{HOST}/"
_PAGES = ("text/html", "application/xhtml+xml")
_STARTS = ("index.html", "index.htm", "index.xhtml", "default.html", "default.htm", "home.html", "home.htm")
_LISTED = ("text/html", "application/xhtml+xml", "text/css", "image/", "font/")
_HINT = "Expected a page saved from the browser, a folder with an .html file in it, or a ZIP of one"
# Pages in folders of these names come with code: demonstrations, tests.
_CODE = frozenset(
    "assets vendor vendors lib libs plugins bower_components js css fonts examples demo demos test".split()
)
# Deeper paths are not tried in every way.
_MOST_SEGMENTS = 24


class SavedSite:
    """The `Site` of a copy. Files are read when asked for, in memory, and never from outside the copy."""

    def __init__(self, files: Files, start: str, only: tuple[str, ...] | None, limits: Limits, note: str = "") -> None:
        self._files = files
        self._intake = Intake(limits)
        self._listed = files.names if only is None else only
        self.start = _address(start)
        folder = PurePosixPath(start).parent
        # Where a path from the top of the site may really begin: the page's own folder, those above it, the top.
        self._tops = [str(top) + "/" for top in (folder, *folder.parents) if str(top) != "."]
        for said in (*files.notes, *([note] if note else [])):
            self._intake.note(said)

    @property
    def notes(self) -> tuple[str, ...]:
        return self._intake.notes

    def resolve(self, reference: str, base: str) -> str | None:
        text = reference.strip()
        if text[:4].lower() == "cid:" and isinstance(self._files, Mhtml) and len(text) < 400:
            return _address(cid_name(text[4:]))
        return resolved(reference, base)

    def read(self, url: str, kind: Kind) -> Resource | None:
        if url[:5].lower() == "data:":
            return self._intake.read_inline(url, kind)
        if self._intake.known(url, kind):
            return self._intake.recall(url, kind)
        return self._intake.keep(url, kind, self._intake.recast(url, kind) or self._read(url, kind))

    def read_all(self, urls: tuple[tuple[str, Kind], ...]) -> None:
        """Nothing to gain: files on disk are at hand."""

    def label(self, url: str) -> str:
        if url[:5].lower() == "data:":
            return short_inline(url)
        text = unquote(url.removeprefix(_ROOT)) if url.startswith(_ROOT) else url
        return printable(text[:300])

    def listed(self) -> tuple[str, ...]:
        return tuple(_address(name) for name in self._listed if ending_type(name).startswith(_LISTED))

    def _read(self, url: str, kind: Kind) -> Resource | None:
        found = self._find(url, kind)
        if found is None:
            if url.startswith(_ROOT):
                self._intake.note(f"{CALLED[kind]} {self.label(url)} is linked but not there")
            return None
        if self._intake.known(address := _address(found), kind):
            return self._intake.recall(address, kind)
        said = f"{CALLED[kind]} {self.label(address)}"
        left = self._intake.left
        try:
            data = self._files.read(found, min(self._intake.most(kind), left))
        except NotRead as error:
            whole = left < self._intake.most(kind) and "larger" in str(error)
            total = self._intake.limits.total_bytes / 1e6
            self._intake.note(f"Only {total:.3g} MB of the site were read" if whole else f"{said} {error}")
            return None
        self._intake.take(len(data))
        verdict = judged(data, kind, "", found.partition("?")[0])
        if verdict.refusal:
            self._intake.note(f"{said} {verdict.refusal}")
            return None
        return Resource(address, data, verdict.media_type, charset_of(data, self._files.charset(found)))

    def _find(self, url: str, kind: Kind) -> str | None:
        try:
            plain = tidy(url)
            parts = urlsplit(plain or "")
            host = parts.hostname or ""
        except ValueError:
            return None
        if plain is None:
            return None
        query = parts.query
        for path in self._places(parts.path.strip("/"), host):
            for name in _spellings(path, query, kind):
                if (found := self._files.find(name)) is not None:
                    return found
        return None

    def _places(self, path: str, host: str) -> Iterator[str]:
        """Where the file of an address may lie, the likeliest first. Paths as in the address, percent signs and all.

        Another host's files lie under its name (wget) or at the same path. An own path that begins at the top of the
        site also begins at the page's folder, or lies in a site that lived further down: `/sub/css/x.css`."""
        if host != HOST:
            yield f"{host}/{path}"
            yield path
            return
        yield path
        segments = path.split("/")[:_MOST_SEGMENTS]
        for top in self._tops:
            yield f"{quote(top)}{path}"
        for dropped in range(1, len(segments)):
            rest = "/".join(segments[dropped:])
            yield rest
            yield from (f"{quote(top)}{rest}" for top in self._tops[:1])


def _spellings(path: str, query: str, kind: Kind) -> Iterator[str]:
    """What a file of that path and query may be called: tools keep the query in the name, plain or encoded."""
    plain = unquote(path).replace("\\", "/")
    if query:
        yield f"{plain}?{unquote(query)}"
        yield f"{plain}?{query}"
        yield f"{plain}@{unquote(query)}"
        yield f"{plain}%3F{query}"
    if plain:
        yield plain
    if path != plain:
        yield path
    if kind == "page":
        yield from (f"{plain}/{name}".lstrip("/") for name in ("index.html", "index.htm"))
        if plain and "." not in plain.rpartition("/")[2]:
            yield f"{plain}.html"


def _address(name: str) -> str:
    """The address of a file of the copy; a query kept in its name stays part of the path."""
    path, mark, query = name.partition("?")
    return (
        _ROOT + quote(path, safe="/!$&'()*+,;=:@~", errors="replace") + quote(mark + query, safe="", errors="replace")
    )


def open_saved(path: Path, limits: Limits | None = None) -> SavedSite:
    """The site saved at `path`: a folder, an .html, .xhtml or .mhtml file, or a .zip.

    A page on its own opens the folder around it, as far as it links there. Raises `BadInput` if there is no page, or
    nothing that can be read."""
    try:
        if path.is_dir():
            files: Files = Folder(path)
            start, only = _start(files, path.name), None
        elif path.is_file():
            files, start, only = _of_file(path)
        else:
            raise BadInput(f"{path} is not there", _HINT)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}", _HINT) from error
    site = SavedSite(files, start, only, limits or Limits(), _chosen(files, start) if only is None else "")
    if site.read(site.start, "page") is None:
        raise BadInput(site.notes[-1] if site.notes else f"{start} cannot be read", _HINT)
    return site


def _of_file(path: Path) -> tuple[Files, str, tuple[str, ...] | None]:
    """The files around or in one file, the name of its first page, and what is listed if that is not all."""
    ending = path.suffix.lower()
    if ending in (".mhtml", ".mht"):
        archive = Mhtml(path)
        return archive, archive.start or _start(archive, path.name), None
    with path.open("rb") as file:
        head = file.read(4)
    if ending == ".zip" or head == b"PK\3\4":
        packed = Zip(path)
        return packed, _start(packed, path.name), None
    if ending_type(path.name) not in _PAGES:
        raise BadInput(f"{path.name} is not a saved page", _HINT)
    folder = Folder(path.parent, unwrap=False)
    if path.name.lower() in _STARTS:
        return folder, path.name, None
    own = tuple(name for name in folder.names if name == path.name or _goes_with(path.stem, name.partition("/")[0]))
    return folder, path.name, own


def _goes_with(stem: str, folder: str) -> bool:
    """Whether a browser named that folder for the page: `Shop_files`, `Shop.files`, `Shop-Dateien`."""
    return stem in _stems(folder)


def _stems(folder: str) -> list[str]:
    """What the pages may be called that a browser named that folder for."""
    splits = range(max(1, len(folder) - 21), len(folder) - 1)
    return [folder[:at] for at in splits if folder[at] in "_. -" and re.fullmatch(r"\w+", folder[at + 1 :])]


def _start(files: Files, name: str) -> str:
    """The page to begin with. Raises `BadInput` if there is none."""
    pages = _pages(files)
    if not pages:
        raise BadInput(f"There is no page in {name}", _HINT)
    own = _beside(pages)
    return min(pages, key=lambda page: (page in own, _last(page) not in _STARTS, page.count("/"), _rank(page)))


def _pages(files: Files) -> list[str]:
    return [file for file in files.names if ending_type(file) in _PAGES]


def _rank(page: str) -> int:
    return _STARTS.index(last) if (last := _last(page)) in _STARTS else len(_STARTS)


def _beside(pages: list[str]) -> frozenset[str]:
    """The pages that belong to others: frames in the folder a browser made for its page, and what comes with code."""
    stems = {page.rpartition(".")[0] for page in pages}

    def belongs(above: str, folder: str) -> bool:
        return folder.lower() in _CODE or any(f"{above}{stem}" in stems for stem in _stems(folder))

    found = set[str]()
    for page in pages:
        *folders, _ = page.split("/")
        if any(belongs("".join(f"{part}/" for part in folders[:at]), one) for at, one in enumerate(folders)):
            found.add(page)
    return frozenset(found)


def _chosen(files: Files, start: str) -> str:
    """What to say where another page could have been meant as well; "" where it is plain."""
    depth, folder = start.count("/"), _folder(start)
    is_index = _last(start) in _STARTS
    if isinstance(files, Mhtml) or (is_index and not depth):
        return ""
    pages = _pages(files)
    own = _beside(pages)
    # Beside an index other pages of its folder are plain; those nearer the top and other folders' indexes are not.
    rivals = [
        page
        for page in pages
        if page not in own
        and page != start
        and (
            page.count("/") < depth
            or (page.count("/") == depth and (not is_index or (_rank(page) < len(_STARTS) and _folder(page) != folder)))
        )
    ]
    if not rivals:
        return ""
    return f"{len(rivals) + 1} pages found; {printable(start[:100])} was read first: drop the one you mean"


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _last(name: str) -> str:
    return name.rpartition("/")[2].lower()
