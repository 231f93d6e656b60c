"""The verbs that other programs may call: brands, what there is, making ads; those for single pictures beside."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from gradio.data_classes import FileData
from pydantic import Field

from studio.brand.adopt import as_found
from studio.brief.draft import names_a_place
from studio.brief.rows import brief_of, one_row
from studio.composition import Effort
from studio.console import dry_summary
from studio.errors import BadInput
from studio.machine import doctor as examined
from studio.model import Brief
from studio.orders import Prepared, Wishes
from studio.presets import toml_of
from studio.ui.facts import facts, kit_line, painter
from studio.ui.intake import uploaded, web_address
from studio.ui.picture_verbs import Json, Name, PictureVerbs, Seed, Steps, place, sent
from studio.ui.shell import run_line

Text = Annotated[str, Field(max_length=200_000)]
Count = Annotated[int, Field(ge=1, le=1000)]
_DIGEST_LENGTH = 64
_BEAT_S = 0.25


class Verbs(PictureVerbs):
    """What may be called. Every docstring is what callers read; every argument is checked by its annotation."""

    # -------------------------------------------------------------------------------------------- brands

    def kits(self) -> list[Json]:
        """The brand kits of the workspace, the latest changed first.

        Returns:
            A list: id, name, tagline, colours by role, typefaces.
        """
        hidden = ("logo", "digest")
        lines = (kit_line(one) for one in self._studio.shelf.listed())
        return [{key: value for key, value in line.items() if key not in hidden} for line in lines]

    def brand_infer(self, address: Name = "", file: FileData | None = None, language: Name = "") -> Json:
        """Read a brand from a website or from what a client has, and make a kit of it. Every value is a proposal with
        its source and how sure that is.

        Parameters:
            address: A website, such as example.org. Leave it out when a file is sent.
            file: A saved page, a ZIP, a logo, a photo, a guidelines PDF or a token file.
            language: The language to ask the site for, such as de.
        Returns:
            The id of the new kit, and everything that was proposed.
        """
        if (file is None) == (not address.strip()):
            raise BadInput("One thing is read at a time", "Send an address or a file")
        source = str(uploaded(file.path)) if file else web_address(address)
        found = self._studio.propose(source, language)
        made = self._studio.adopt(found, source)
        return {"kit": made.folder.name, "found": as_found(found)}

    def brand_check(self, kit: Name) -> list[Json]:
        """What is missing, illegible or contradictory in a kit.

        Parameters:
            kit: The id of a kit.
        Returns:
            A list of findings: level, place, message and what to do. Empty when there is nothing to mend.
        """
        return [one.model_dump(mode="json") for one in self._studio.check(self._studio.shelf.folder(kit))]

    def brand_import(self, tokens: FileData, name: Name = "") -> Json:
        """Make a kit of another tool's design tokens: DTCG, Tokens Studio, Style Dictionary; JSON or JSON5.

        Parameters:
            tokens: The token file.
            name: What the kit's id is made of; the file's name when left out.
        Returns:
            The id of the new kit, its values, and notes on what could not be taken along.
        """
        file = uploaded(tokens.path)
        folder = self._studio.shelf.place(name or file.name.partition(".")[0])
        try:
            made = self._studio.import_tokens(file, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return {"kit": folder.name, "brand": made.kit.model_dump(mode="json"), "notes": list(made.notes)}

    def brand_export(self, kit: Name) -> Json:
        """A kit's design tokens as one DTCG 2025.10 file.

        Parameters:
            kit: The id of a kit.
        Returns:
            The file.
        """
        out = place() / f"{kit}.tokens.json"
        self._studio.export_tokens(self._studio.shelf.folder(kit), out)
        return {"file": sent(out)}

    # -------------------------------------------------------------------------------------------- what there is

    def formats(self) -> list[Json]:
        """Every format ads can be made in.

        Returns:
            A list: id, name, channel, size in pixels, character limits, most bytes.
        """
        return facts(self._studio)["formats"]

    def layouts(self) -> list[Json]:
        """The layout families.

        Returns:
            A list: id, name and what it is good for.
        """
        return [{key: one[key] for key in ("id", "name", "description")} for one in facts(self._studio)["layouts"]]

    def sets(self) -> list[Json]:
        """The sets a scene can be built from.

        Returns:
            A list: id, name, description.
        """
        return [{key: one[key] for key in ("id", "name", "description")} for one in facts(self._studio)["sets"]]

    def engines_list(self) -> list[Json]:
        """Painters, cut-out engines, upscalers and what reads maps from photos: under which licence, and why not where
        one cannot be used.

        Returns:
            A list: id, kind, name, licence, whether paid ads are allowed, reason and the command that mends it, bytes
            to fetch; for painters what they can be asked for, and what an effort means in steps.
        """
        kinds = ("painter", "cutout", "upscaler", "annotator")
        offers = [one for kind in kinds for one in self._studio.engines.offers(kind)]
        return [
            {
                "id": one.id, "kind": one.kind, "name": one.name, "licence": one.licence, "commercial": one.commercial,
                "reason": one.reason, "fix": one.fix, "bytes": one.bytes, "fetchable": one.fetchable,
                "can": painter(one) if one.kind == "painter" else None,
            }
            for one in offers
        ]  # fmt: skip

    def doctor(self) -> Json:
        """This machine and workspace, and what could stand in the way of the work.

        Returns:
            Facts, and a list of findings with state, what it means and its fix.
        """
        return examined(self._studio)

    # -------------------------------------------------------------------------------------------- making ads

    def make(  # noqa: PLR0913, PLR0917 - as many as the command has options
        self, brief: dict[str, Any] | Text, kit: Name, product: FileData | None = None,
        formats: list[Name] | None = None, count: Count | None = None, seed: Seed | None = None,
        engine: Name = "stage", effort: Effort = "normal", steps: Steps | None = None, upscaler: Name = "light",
        cutout: Name = "auto", wait: bool = True,
    ) -> Json:  # fmt: skip
        """Make finished ads from a brief and a kit, the same as the command line makes.

        Parameters:
            brief: The brief as an object, or as the text of a brief.toml or brief.json.
            kit: The id of a kit.
            product: A product photo; it is cut out first if it still has its background.
            formats: Ids of formats; those of the brief when left out, all of them when it names none.
            count: How many variants; the brief's when left out.
            seed: Another seed turns lights and props another way; the brief's when left out.
            engine: The id of a painter; see engines_list.
            effort: How thoroughly each picture is painted: quick is to look at, normal for delivery. What a painter
                does not offer is painted as normal.
            steps: So many of the painter's own steps instead.
            upscaler: What grows pictures for large formats; see engines_list.
            cutout: What frees a product photo that still has its background; see engines_list.
            wait: Whether to wait until all ads are made. Without it, ask run_status and run_files.
        Returns:
            The run's id; after waiting also the ads with their files and scores, as run_files gives them.
        """
        chosen = tuple(formats or ())
        wishes = Wishes(None, engine, count, seed, chosen, steps, upscaler, cutout, effort)
        job = self._planned(brief, kit, product, wishes)
        run = self._runs.start(job)
        if not wait:
            return {"run": run}
        while not (state := self._runs.state(run)).settled or not self._closed(run):
            time.sleep(_BEAT_S)
        if state.trouble is not None:
            raise state.trouble
        return self.run_files(run)

    def dry_run(  # noqa: PLR0913, PLR0917 - as many as the command has options
        self, brief: dict[str, Any] | Text, kit: Name, product: FileData | None = None,
        formats: list[Name] | None = None, count: Count | None = None, seed: Seed | None = None,
        engine: Name = "stage", effort: Effort = "normal", steps: Steps | None = None,
    ) -> Json:  # fmt: skip
        """What make would make: every picture and every ad, without painting anything.

        Parameters:
            brief: The brief as an object, or as the text of a brief.toml or brief.json.
            kit: The id of a kit.
            product: A product photo.
            formats: Ids of formats; those of the brief when left out.
            count: How many variants; the brief's when left out.
            seed: The brief's when left out.
            engine: The id of a painter; see engines_list.
            effort: How thoroughly each picture would be painted.
            steps: So many of the painter's own steps instead.
        Returns:
            Pictures with size, set and seed; ads with format, layout and variant; what of the brief is not used.
        """
        wishes = Wishes(None, engine, count, seed, tuple(formats or ()), steps, effort=effort)
        job = self._planned(brief, kit, product, wishes)
        return {**dry_summary(job), "notes": list(job.notes)}

    def run_status(self, run: Name) -> Json:
        """How far a run is.

        Parameters:
            run: The id that make gave.
        Returns:
            Ads finished and to finish, seconds left, what failed and why, whether it is over.
        """
        hidden = ("zip", "sheet", "folder")
        return {key: value for key, value in run_line(self._runs.state(run)).items() if key not in hidden}

    def run_files(self, run: Name) -> Json:
        """The ads of a run that are finished by now.

        Parameters:
            run: The id that make gave.
        Returns:
            Each ad with its file, format, size, and score with what to mend; the contact sheet once the run is over;
            what failed.
        """
        state = self._runs.state(run)
        ads = [
            {
                "file": sent(state.out_dir / one.file.file), "ad": one.file.ad_id, "format": one.file.format_id,
                "variant": one.file.variant, "width": one.file.width_px, "height": one.file.height_px,
                "bytes": one.file.bytes, "passed": one.file.score.passed, "tested": one.file.score.tested,
                "failed": [check.model_dump(mode="json") for check in one.file.score.failed],
            }
            for one in self._runs.queue.results(run)
        ]  # fmt: skip
        return {
            "run": run, "over": state.now.over, "ads": ads, "sheet": sent(state.sheet) if state.sheet else None,
            "failed": [one.model_dump() for one in state.failed],
        }  # fmt: skip

    def stop(self, run: Name) -> Json:
        """Stop a run: finished ads stay, the rest is dropped.

        Parameters:
            run: The id that make gave.
        Returns:
            How far it came.
        """
        self._runs.state(run)
        self._runs.stop(run)
        return self.run_status(run)

    # -------------------------------------------------------------------------------------------- inside

    def _planned(self, brief: Mapping[str, Any] | str, kit: str, product: FileData | None, wishes: Wishes) -> Prepared:
        asked = _brief(brief)
        photo = uploaded(product.path) if product else None
        wanted = replace(wishes, product=photo)
        beside = place()  # empty: nothing is found beside a brief that came over the network
        return self._studio.plan(one_row(asked), self._studio.shelf.folder(kit), beside, wanted)

    def _closed(self, run: str) -> bool:
        """Whether a run that is over has its contact sheet and ZIP, as far as there is anything to put in."""
        state = self._runs.state(run)
        return state.trouble is not None or state.archive is not None or not state.now.finished


def _brief(given: Mapping[str, Any] | str) -> Brief:
    """A brief from an object or text, which names no file of this machine. Raises `BadInput`."""
    fields: Any = given
    if isinstance(given, str):
        try:
            fields = json.loads(given) if given.lstrip().startswith("{") else toml_of(given, "The brief")
        except (ValueError, RecursionError) as error:
            raise BadInput(f"The brief cannot be read as JSON: {error}"[:200], "Check commas and quotes") from error
    brief = brief_of(dict(fields), "The brief")
    named = [one.picture for one in (*brief.controls, *brief.references)]
    named += [one.mask for one in (*brief.controls, *brief.references) if one.mask]
    if (
        any(names_a_place(one.file) for one in brief.adapters)
        or brief.product
        or any(len(name) != _DIGEST_LENGTH or not name.isalnum() for name in named)
    ):
        raise BadInput(
            "The brief names a file on this machine, which is not read from here",
            "Send the product as a file; name maps and references by the digest that control gives, LoRAs by their"
            " name in a model folder",
        )
    return brief
