"""Every finished ad of the workspace, as the screens list, filter and show them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from studio.ad.drift import drift
from studio.desk.jobs import Run
from studio.desk.review import Review, Reviews
from studio.desk.thumbs import thumb_of, thumb_path
from studio.errors import BadInput
from studio.model import Shot
from studio.runs import Runs, title_of
from studio.studio import Studio
from studio.values import Value

PAGE = 500

_ADS = """
SELECT j.id, j.run_id, j.ref, j.needs, j.payload, j.result, j.changed,
    (SELECT p.payload FROM jobs p WHERE p.run_id = j.run_id AND p.kind = 'paint' AND p.ref = j.needs) AS shot
FROM jobs j WHERE j.kind = 'compose' AND j.state = 'done' AND j.changed >= ? ORDER BY j.id
"""


class Wanted(Value):
    """Which ads to list; empty fields let everything through."""

    run: str = ""
    text: Annotated[str, Field(max_length=200)] = ""
    format: str = ""
    channel: str = ""
    stars: Annotated[int, Field(ge=0, le=5)] = 0
    """At least so many."""
    rejected: Literal["hide", "show", "only"] = "show"
    score: Literal["any", "full", "short"] = "any"
    order: Literal["made", "newest", "stars", "score", "format"] = "made"


class Gallery:
    """The ads as plain lines, read from the queue's table once and kept; what is new is read when it is asked for."""

    def __init__(self, studio: Studio, runs: Runs) -> None:
        self.studio = studio
        self.runs = runs
        self._reviews = Reviews(studio.store)
        self._lines: dict[int, dict[str, Any]] = {}
        self._seen = 0.0
        self._lock = threading.Lock()
        self._thumbs = ThreadPoolExecutor(1, "thumbs")
        self._making: set[Path] = set()

    def ads(self, wanted: Wanted | None = None, offset: int = 0, limit: int = PAGE) -> dict[str, Any]:
        """A page of the ads that are wanted: how many there are in all, and a line for each of the page."""
        wanted = wanted or Wanted()
        own = {run.run_id: run for run in self.runs.own()}
        judged = self._judged()
        lines = [{**line, **judged.get((line["run"], line["ad"]), _UNJUDGED)} for line in self._read(own)]
        found = [line for line in lines if _fits(line, wanted)]
        found.sort(key=lambda line: _place(line, wanted.order, own))
        page = found[max(offset, 0) :][: min(max(limit, 1), PAGE)]
        return {"total": len(found), "all": len(lines), "ads": [self._shown(line, own) for line in page]}

    def runs_listed(self) -> list[dict[str, Any]]:
        """Every run with its ads counted, the newest first."""
        counts: dict[str, int] = {}
        own = {run.run_id: run for run in self.runs.own()}
        for line in self._read(own):
            counts[line["run"]] = counts.get(line["run"], 0) + 1
        return [
            {"id": run.run_id, "title": title_of(run), "created": run.created, "ads": counts.get(run.run_id, 0)}
            for run in own.values()
        ]

    def ad(self, run_id: str, ad_id: str) -> dict[str, Any]:
        """Everything about one ad: its line, words, checks, and how it was made."""
        finished, shot = self.runs.finished(run_id, ad_id), self.shot(run_id, ad_id)
        own = {run.run_id: run for run in self.runs.own()}
        line = next((one for one in self._read(own) if (one["run"], one["ad"]) == (run_id, ad_id)), None)
        if line is None:
            raise BadInput("This ad is no longer there", "Reload the page.")
        spec, file = finished.spec, finished.file
        return {
            **self._shown({**line, **self._judged().get((run_id, ad_id), _UNJUDGED)}, own),
            "words": spec.words.model_dump(),
            "limits": spec.format.text_limits,
            "max_bytes": spec.format.max_bytes,
            "checks": [check.model_dump(mode="json") for check in file.score.checks],
            "omitted": list(file.omitted),
            "grown": file.grown,
            "seconds": file.seconds,
            "made": _made(shot),
        }

    def shot(self, run_id: str, ad_id: str) -> Shot | None:
        """What the picture of an ad was painted from; None for ads without one."""
        found = self.studio.store.rows(
            "SELECT p.payload FROM jobs j JOIN jobs p ON p.run_id = j.run_id AND p.kind = 'paint' AND p.ref = j.needs "
            "WHERE j.run_id = ? AND j.ref = ? AND j.kind = 'compose'",
            (run_id, ad_id),
        )
        return Shot.model_validate_json(found[0]["payload"]) if found else None

    def file(self, run_id: str, ad_id: str) -> Path:
        """Where the file of an ad lies."""
        return Path(self.runs.queue.run(run_id).out_dir) / self.runs.finished(run_id, ad_id).file.file

    def drift(self, run_id: str) -> list[dict[str, Any]]:
        """How alike the ads of a run are in what must never change."""
        traces = [item.file.trace for item in self.runs.queue.results(run_id) if item.file.trace]
        return [check.model_dump(mode="json") for check in drift(traces)]

    # -------------------------------------------------------------------------------------------- reading

    def _read(self, own: Mapping[str, Run]) -> list[dict[str, Any]]:
        """A line for every finished ad of these runs, in the order they were asked for."""
        with self._lock:
            seen = self._seen
            for row in self.studio.store.rows(_ADS, (seen,)):
                if row["id"] not in self._lines or row["changed"] > seen:
                    self._lines[row["id"]] = _line(row)
                self._seen = max(self._seen, row["changed"])
            return [line for _, line in sorted(self._lines.items()) if line["run"] in own]

    def _judged(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {key: review.model_dump() for key, review in self._reviews.all().items()}

    def _shown(self, line: Mapping[str, Any], own: Mapping[str, Run]) -> dict[str, Any]:
        """The line with where its file and its thumbnail lie."""
        path = Path(own[line["run"]].out_dir) / line["file"]
        thumb = thumb_path(self.studio.home, line["ad"], line["bytes"])
        if not thumb.is_file():
            if thumb not in self._making:
                self._making.add(thumb)
                made = self._thumbs.submit(thumb_of, self.studio.home, path, line["ad"], line["bytes"])
                made.add_done_callback(lambda _, target=thumb: self._making.discard(target))
            thumb = path
        return {**line, "path": path, "thumb": thumb}


_UNJUDGED: Mapping[str, Any] = Review().model_dump()


def _line(row: Any) -> dict[str, Any]:
    spec, file = json.loads(row["payload"]), json.loads(row["result"])
    shot = json.loads(row["shot"]) if row["shot"] else {}
    checks = file["score"]["checks"]
    return {
        "run": row["run_id"], "ad": row["ref"], "job": row["id"], "file": file["file"], "bytes": file["bytes"],
        "width": file["width_px"], "height": file["height_px"], "format": spec["format"]["id"],
        "name": spec["format"]["name"], "channel": spec["format"]["channel"], "layout": spec["layout"],
        "campaign": spec["campaign"], "headline": spec["words"]["headline"], "variant": spec["variant"],
        "set": shot.get("set_id") or "", "seed": shot.get("seed"), "shot": row["needs"] or "",
        "passed": sum(check["passed"] for check in checks), "tested": len(checks),
        "failed": [check["id"] for check in checks if not check["passed"]],
    }  # fmt: skip


def _fits(line: Mapping[str, Any], wanted: Wanted) -> bool:
    full = line["passed"] == line["tested"]
    text = wanted.text.casefold().strip()
    return (
        (not wanted.run or line["run"] == wanted.run)
        and (not wanted.format or line["format"] == wanted.format)
        and (not wanted.channel or line["channel"] == wanted.channel)
        and line["stars"] >= wanted.stars
        and (wanted.rejected == "show" or line["rejected"] == (wanted.rejected == "only"))
        and (wanted.score == "any" or full == (wanted.score == "full"))
        and (not text or any(text in part.casefold() for part in _searched(line)))
    )


def _searched(line: Mapping[str, Any]) -> Iterator[str]:
    yield from (line[name] for name in ("headline", "name", "campaign", "set", "layout", "note", "file"))


def _place(line: Mapping[str, Any], order: str, own: Mapping[str, Run]) -> tuple[Any, ...]:
    newest = -own[line["run"]].created
    first: Iterable[Any] = {
        "made": (newest, line["job"]),
        "newest": (newest, -line["job"]),
        "stars": (-line["stars"], newest, line["job"]),
        "score": (line["passed"] / max(line["tested"], 1), newest, line["job"]),
        "format": (line["format"], newest, line["job"]),
    }[order]
    return tuple(first)


def _made(shot: Shot | None) -> dict[str, Any]:
    if shot is None:
        return {}
    return {
        "engine": shot.engine, "set": shot.set_id, "seed": shot.seed, "steps": shot.steps, "prompt": shot.prompt,
        "painted": f"{shot.width_px} × {shot.height_px}", "controls": [one.kind for one in shot.controls],
        "references": [one.use for one in shot.references],
    }  # fmt: skip
