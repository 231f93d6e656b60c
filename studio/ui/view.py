"""A tab as the browser gets it: an empty element, the script that fills it, and the verbs the script may call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr
from pydantic import BaseModel, ValidationError, validate_call

from studio.errors import BadInput
from studio.ui.facts import address
from studio.ui.tried import tried

SCRIPTS = Path(__file__).resolve().parents[2] / "assets" / "ui"
Verb = Callable[..., Any]


def view(name: str, verbs: Sequence[Verb], *scripts: str) -> gr.HTML:
    """The element of a tab. `assets/ui/NAME.js` fills it and calls `verbs` by their Python names, with one object of
    arguments; what they return must be plain JSON. More `scripts` are put before it."""
    return gr.HTML(
        "",
        html_template=f'<div class="view" id="view-{name}"></div>',
        js_on_load="\n".join(script(one) for one in (*scripts, name)),
        server_functions=[served(verb) for verb in verbs],
        apply_default_css=False,
        elem_id=f"tab-{name}",
    )


@cache
def script(name: str) -> str:
    """One of the page's own scripts."""
    return (SCRIPTS / f"{name}.js").read_text("utf-8")


def served(verb: Verb) -> Verb:
    """A verb as the page may call it: arguments checked by its annotations, trouble told instead of raised."""
    checked = validate_call(verb)

    def call(asked: dict[str, Any]) -> dict[str, Any]:
        error, answer = tried(lambda: _called(checked, asked))
        if error is not None:
            return {"error": str(error), "hint": error.hint}
        return {"answer": plainly(answer)}

    call.__name__ = verb.__name__
    return call


def plainly(answer: Any) -> Any:
    """An answer as JSON: values by their fields, files by the address they are served at."""
    if isinstance(answer, Path):
        return address(answer)
    if isinstance(answer, BaseModel):
        return plainly(answer.model_dump())
    if isinstance(answer, Mapping):
        return {str(key): plainly(value) for key, value in answer.items()}
    if isinstance(answer, list | tuple):
        return [plainly(value) for value in answer]
    return answer


def _called(verb: Verb, asked: dict[str, Any]) -> Any:
    if not isinstance(asked, dict):
        raise BadInput("The page asked in a way that is not understood", "Reload the page")
    try:
        return verb(**asked)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadInput(
            f"{'.'.join(map(str, first['loc']))}: {first['msg']}", "Reload the page and try again"
        ) from error
