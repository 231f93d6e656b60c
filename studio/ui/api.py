"""The studio for other programs: every verb as a named endpoint (and as a tool, with `mcp`), and the page that explains
them. Both are made from the verbs' own signatures and words."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from functools import reduce, wraps
from operator import or_
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import unquote

import gradio as gr
from gradio.data_classes import FileData
from gradio.events import api
from gradio_client.utils import is_http_url_like
from pydantic import ValidationError, validate_call

from studio.errors import BadInput
from studio.runs import Runs
from studio.studio import Studio
from studio.ui.intake import uploaded
from studio.ui.picture_verbs import PictureVerbs
from studio.ui.tried import tried
from studio.ui.verbs import Verbs
from studio.values import Value

QUICK = ("kits", "formats", "layouts", "sets", "engines_list", "run_status", "run_files", "stop", "read", "brand_check")
WAITING_AT_ONCE, HEAVY_AT_ONCE = 12, 2
SAMPLES: dict[str, Any] = {
    "kit": "solbrae", "address": "example.org", "formats": ["meta-square", "display-300x250"], "count": 1,
    "brief": {"headlines": ["Stay for the long light"], "action": "Shop now"}, "run": "RUN", "set_id": "arch",
    "kind": "edges", "scale": 2,
}  # fmt: skip
"""What examples give for parameters that must be given, and for those that are worth showing."""
_SHOWN = {"make": ("product", "formats", "count"), "brand_infer": ("address",), "upscale": ("scale",)}
_FILE = "bottle.jpg"


class Parameter(Value):
    """One argument of an endpoint, in words."""

    name: str
    kind: str
    about: str
    needed: bool
    default: Any = None


class Endpoint(Value):
    """One verb as other programs see it."""

    name: str
    about: str
    parameters: tuple[Parameter, ...]
    returns: str
    python: str
    curl: str


def declare(blocks: gr.Blocks, studio: Studio, runs: Runs) -> None:
    """Make every verb an endpoint of the page that is being built, under its own name. Those that take long have a few
    places, so that they never hold up the page."""
    names = set[str]()
    for verb in verbs(Verbs(studio, runs)):
        name = verb.__name__
        names.add(name)
        most, kind = (WAITING_AT_ONCE, "waiting") if name == "make" else (HEAVY_AT_ONCE, "heavy")
        if name in QUICK:
            most, kind = None, f"quick-{name}"
        api(endpoint(verb), api_name=name, concurrency_limit=most, concurrency_id=kind)
    for made in blocks.fns.values():
        for component in made.inputs if made.api_name in names else ():
            _uploads_only(component)


def verbs(of: Verbs | type[Verbs]) -> Iterator[Callable[..., Any]]:
    """The public verbs, in the order they are written."""
    for kind in (Verbs, PictureVerbs):
        yield from (getattr(of, name) for name, value in vars(kind).items() if name[0] != "_" and callable(value))


def endpoint(verb: Callable[..., Any]) -> Callable[..., Any]:
    """A verb as Gradio calls it: arguments by place, checked by its annotations; trouble as one line and what to do."""
    checked = validate_call(verb)
    given = inspect.signature(verb, eval_str=True)

    @wraps(verb)
    def call(*arguments: Any) -> Any:
        named = given.bind(*arguments).arguments
        error, answer = tried(lambda: _called(checked, named))
        if error is not None:
            hint = f" {error.hint}" if error.hint else ""
            raise gr.Error(f"{error}.{hint}" if hint else str(error), print_exception=False)
        return answer

    bare = [one.replace(annotation=_bare(one.annotation)) for one in given.parameters.values()]
    call.__signature__ = given.replace(parameters=bare, return_annotation=_bare(given.return_annotation))  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in bare}
    del call.__wrapped__  # type: ignore[attr-defined]
    return call


def _called(verb: Callable[..., Any], named: dict[str, Any]) -> Any:
    try:
        return verb(**named)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        raise BadInput(said, "Every parameter is explained under Engine, Use from other programs") from error


def _bare(annotation: Any) -> Any:
    """A type without the bounds that only the check needs."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_args(annotation) and get_origin(annotation) is not Literal:
        inner = tuple(_bare(part) for part in get_args(annotation))
        origin = get_origin(annotation)
        return reduce(or_, inner) if origin in (Union, UnionType) else origin[inner]
    return annotation


def _uploads_only(component: Any) -> None:
    """A caller may name a file by an address, which Gradio would fetch. Here nothing is asked of the network: an
    address of this page stands for the upload it leads to, any other is refused."""
    keep = component.async_move_resource_to_block_cache

    async def local(path: Any) -> Any:
        if not is_http_url_like(str(path)):
            return await keep(path)
        own = _OWN.match(str(path))
        error, found = tried(lambda: uploaded(unquote(own[1]))) if own else (None, None)
        if found is None:
            raise gr.Error(str(error or "A file has to be uploaded; addresses are not fetched"), print_exception=False)
        return str(found)

    component.async_move_resource_to_block_cache = local


_OWN = re.compile(r"https?://[^/]+/gradio_api/file=(.+)")


# ------------------------------------------------------------------------------------------------ explained


def explained(url: str = "http://127.0.0.1:7860") -> tuple[Endpoint, ...]:
    """Every endpoint with its parameters and ready-made examples for a page at `url`."""
    return tuple(_explained(verb, url.rstrip("/")) for verb in verbs(Verbs))


def reference(url: str = "http://127.0.0.1:7860") -> str:
    """The endpoints as Markdown."""
    parts = [_INTRODUCTION.format(url=url.rstrip("/"))]
    for one in explained(url):
        rows = [f"| `{p.name}` | {p.kind} | {_default(p)} | {p.about} |" for p in one.parameters]
        table = ["| parameter | type | default | |", "|---|---|---|---|", *rows, ""] if rows else []
        parts.append(
            "\n".join(
                [f"## {one.name}", "", one.about, "", *table, f"Returns: {one.returns}", "",
                 "```python", one.python, "```", "", "```sh", one.curl, "```", ""]
            )
        )  # fmt: skip
    return "\n".join(parts)


_INTRODUCTION = """# Lockup for other programs

Every verb is an endpoint of the running studio. In Python:

```python
from gradio_client import Client, handle_file

client = Client("{url}")                                # with a password: auth=("lockup", "…")
```

Files are sent with `handle_file` and come back downloaded. With curl, a call is two requests: the first gives an
`event_id`, the second waits for the answer. With a password, add `-u lockup:PASSWORD` to each. Started with `--mcp`,
the same verbs are tools at `{url}/gradio_api/mcp/`.
"""


def _explained(verb: Callable[..., Any], url: str) -> Endpoint:
    about, notes, returns = _words(verb)
    given = inspect.signature(verb, eval_str=True).parameters.values()
    parameters = tuple(
        Parameter(
            name=one.name, kind=_kind(one.annotation), about=notes.get(one.name, ""),
            needed=one.default is inspect.Parameter.empty,
            default=None if one.default is inspect.Parameter.empty else one.default,
        )
        for one in given
        if one.name != "self"
    )  # fmt: skip
    return Endpoint(
        name=verb.__name__, about=about, parameters=parameters, returns=returns,
        python=_python(verb.__name__, parameters), curl=_curl(verb.__name__, parameters, url),
    )  # fmt: skip


def _words(verb: Callable[..., Any]) -> tuple[str, dict[str, str], str]:
    """What a docstring says: the verb, its parameters, what it returns."""
    part, about, notes, returns, name = "about", [], dict[str, str](), [], ""
    for line in (inspect.getdoc(verb) or "").splitlines():
        if line.strip() in ("Parameters:", "Returns:"):
            part = line.strip()[:-1].lower()
        elif part == "parameters" and line.strip():
            head, colon, rest = line.strip().partition(": ")
            name = head if colon and head.isidentifier() else name
            notes[name] = rest if colon and head.isidentifier() else f"{notes[name]} {line.strip()}"
        elif line.strip():
            (returns if part == "returns" else about).append(line.strip())
    return " ".join(about), notes, " ".join(returns)


def _kind(annotation: Any) -> str:
    """A type as a person says it."""
    bare = _bare(annotation)
    if bare is FileData:
        return "file"
    if get_origin(bare) is Literal:
        return " or ".join(json.dumps(value) for value in get_args(bare))
    if get_origin(bare) in (Union, UnionType):
        return " or ".join(_kind(part) for part in get_args(bare) if part is not type(None))
    if get_origin(bare) is list:
        return f"list of {_kind(get_args(bare)[0])}"
    names = {str: "text", int: "whole number", float: "number", bool: "yes or no"}
    return "object" if get_origin(bare) is dict or bare is dict else names.get(bare, str(bare))


def _default(parameter: Parameter) -> str:
    if parameter.needed:
        return "needed"
    return "" if parameter.default in (None, "") else f"`{json.dumps(parameter.default)}`"


def _example(name: str, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    """The arguments an example gives; None stands for a file."""
    wanted = [one for one in parameters if one.needed or one.name in _SHOWN.get(name, ())]
    return {one.name: None if one.kind == "file" else SAMPLES.get(one.name, "") for one in wanted}


def _python(name: str, parameters: tuple[Parameter, ...]) -> str:
    address = f"/{name}"
    given = [
        f"{key}={f'handle_file({json.dumps(_FILE)})' if value is None else json.dumps(value, ensure_ascii=False)}"
        for key, value in _example(name, parameters).items()
    ]
    return f"client.predict({', '.join([*given, f'api_name={json.dumps(address)}'])})"


def _curl(name: str, parameters: tuple[Parameter, ...], url: str) -> str:
    example = _example(name, parameters)
    lines = []
    if None in example.values():
        lines.append(f"FILE=$(curl -s -F files=@{_FILE} {url}/gradio_api/upload | tr -d '[]\"')")
    sent = {"path": "$FILE", "meta": {"_type": "gradio.FileData"}}
    body = json.dumps({key: sent if value is None else value for key, value in example.items()}, ensure_ascii=False)
    quoted = '"' + body.replace("\\", "\\\\").replace('"', '\\"') + '"' if lines else f"'{body}'"
    call = f"{url}/gradio_api/call/v2/{name}"
    lines.append(f"ID=$(curl -s {call} -H 'Content-Type: application/json' -d {quoted} | cut -d '\"' -f 4)")
    return "\n".join([*lines, f"curl -sN {call}/$ID"])
