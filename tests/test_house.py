"""The house rules, read off the source. A rule that hurts is changed in the design first, then here."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOP = {"app.py", "pyproject.toml", "README.md", "LICENSE", "studio", "engines", "presets", "tests", "assets"}
PRODUCT = sorted([ROOT / "app.py", *(ROOT / "studio").rglob("*.py"), *(ROOT / "engines").rglob("*.py")])
EVERY = sorted([*PRODUCT, *(ROOT / "tests").rglob("*.py"), *(ROOT / "assets").rglob("*.py")])
OPENS_CATALOGUE = {"app.py", "studio/engine_commands.py", "studio/desk/worker.py", "engines/catalog.py"}
HEAVY = ("torch", "onnxruntime", "tensorrt", "gradio", "diffusers", "numba")

FLOW = ["ground", "brand", "brief", "picture", "ad", "desk", "studio", "ui"]
GROUND = {
    "composition",
    "model",
    "results",
    "errors",
    "color",
    "geometry",
    "pixels",
    "presets",
    "settings",
    "values",
    "__version__",
}
# `ad/foreign.py` scores files from outside and has to look at them.
PURE = [
    "studio/brief/plan.py", "studio/brief/frame.py", "studio/brief/prompt.py", "studio/brief/wildcards.py", "studio/color.py", "studio/geometry.py",
    "studio/picture/palette.py", *sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "studio/ad").glob("*.py") if p.stem != "foreign"),
]  # fmt: skip
IMPURE = {
    "os", "io", "shutil", "tempfile", "time", "datetime", "random", "secrets", "subprocess", "socket", "urllib",
    "sqlite3", "logging", "studio.settings", "studio.presets",
}  # fmt: skip
READS = {
    "read_text",
    "read_bytes",
    "write_text",
    "write_bytes",
    "exists",
    "is_file",
    "is_dir",
    "stat",
    "glob",
    "iterdir",
}
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
MUTATORS = {"append", "extend", "add", "update", "setdefault", "pop", "clear", "remove", "insert", "discard", "popitem"}
MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imports(path: Path) -> Iterator[str]:
    """Every module imported anywhere in a file, with the names taken from it: `a.b`, `a.b.c` for `from a.b import c`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = ".".join((*above, *filter(None, [node.module])))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def touches(path: Path, package: str) -> list[str]:
    return [found for found in imports(path) if found == package or found.startswith(f"{package}.")]


def room(module: str) -> str:
    """The room of `studio.…`: what lies directly in `studio` is ground floor or, above all rooms, `studio` itself."""
    parts = module.split(".")
    if len(parts) < 2 or parts[1] in GROUND:
        return "ground"
    return parts[1] if parts[1] in FLOW else "studio"


# ------------------------------------------------------------------------------------------------ rules 1 to 6


def test_engines_know_nothing_of_the_studio() -> None:
    bad = [
        f"{name(path)}: {found}"
        for path in PRODUCT
        if name(path).startswith("engines/")
        for package in ("studio", "gradio")
        for found in touches(path, package)
    ]
    assert not bad


def test_the_studio_sees_only_the_engines_base() -> None:
    bad = [
        f"{name(path)}: {found}"
        for path in PRODUCT
        if name(path).startswith("studio/") and name(path) not in OPENS_CATALOGUE
        for found in touches(path, "engines")
        if found != "engines" and not found.startswith("engines.base")
    ]
    assert not bad


def test_only_the_command_line_and_the_worker_open_the_catalogue() -> None:
    bad = [name(path) for path in PRODUCT if touches(path, "engines.catalog") and name(path) not in OPENS_CATALOGUE]
    assert not bad


def test_gradio_stays_in_the_ui() -> None:
    bad = [name(p) for p in PRODUCT if touches(p, "gradio") and not name(p).startswith("studio/ui/")]
    assert not bad


@pytest.mark.parametrize(
    "code",
    [
        "import studio.studio",
        "import studio.desk.worker",
        "import engines.catalog",
        "import sys; sys.argv=['app']; import app",
    ],
)
def test_importing_loads_nothing_heavy(code: str) -> None:
    loaded = _modules_after(code)
    assert not loaded & set(HEAVY)


def test_help_loads_next_to_nothing() -> None:
    code = "import sys; sys.argv=['app.py', '--help']\nimport app\ntry: app.run()\nexcept SystemExit: pass"
    loaded = _modules_after(code)
    assert not loaded & {*HEAVY, "skimage", "cv2", "skia", "numpy", "pydantic", "PIL", "studio", "engines"}


def _modules_after(code: str) -> set[str]:
    report = "\nimport sys; print('\\nMODULES ' + ' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code + report], cwd=ROOT, capture_output=True, text=True, check=True)
    return {module.split(".")[0] for module in done.stdout.rpartition("MODULES ")[2].split()}


@pytest.mark.parametrize("file", PURE)
def test_pure_modules_do_no_io_and_read_no_clock(file: str) -> None:
    path = ROOT / file
    bad = [found for found in imports(path) if any(found == m or found.startswith(f"{m}.") for m in IMPURE)]
    bad += [f"calls {call}" for call in _calls(path) if call == "open" or call in READS]
    bad += [found for found in touches(path, "numpy.random")]
    if "pathlib" in imports(path) and not _only_annotates(path, "Path"):
        bad.append("makes a Path")
    assert not bad, f"{file}: {bad}"


def _calls(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            called = node.func
            yield (
                called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
            )


def _only_annotates(path: Path, symbol: str) -> bool:
    return all(not (isinstance(n, ast.Call) and getattr(n.func, "id", "") == symbol) for n in ast.walk(tree(path)))


def test_rooms_look_down_the_flow() -> None:
    bad = []
    for path in PRODUCT:
        if not name(path).startswith("studio/"):
            continue
        here = room(name(path).removesuffix(".py").replace("/", "."))
        for found in touches(path, "studio"):
            if FLOW.index(room(found)) > FLOW.index(here):
                bad.append(f"{name(path)} ({here}) → {found} ({room(found)})")
    assert not bad


@pytest.mark.parametrize("path", EVERY, ids=name)
def test_files_are_short_and_well_named(path: Path) -> None:
    assert path.stem not in BANNED_NAMES
    lines = len(path.read_text("utf-8").splitlines())
    if path in PRODUCT:
        assert lines <= 400, f"{name(path)} has {lines} lines"


Function = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.mark.parametrize("path", PRODUCT, ids=name)
def test_functions_are_short_and_annotated(path: Path) -> None:
    bad = []
    for node in ast.walk(tree(path)):
        if isinstance(node, Function) and not _compiled(node):
            if (length := _lines(node)) > 70:
                bad.append(f"{node.name} has {length} lines")
            given = node.args
            arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            bare = [a.arg for a in arguments if a and a.annotation is None and a.arg not in ("self", "cls")]
            if bare or node.returns is None:
                bad.append(f"{node.name}: no annotation of {', '.join(bare) or 'what it returns'}")
    assert not bad, f"{name(path)}: {bad}"


def _compiled(node: Function) -> bool:
    """Whether numba compiles it: one loop is one function there, and the types come from the call."""
    named = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return any(getattr(d, "id", getattr(d, "attr", "")) in ("inlined", "called", "cached") for d in named)


def _lines(node: Function) -> int:
    inner = [n for n in ast.walk(node) if isinstance(n, Function) and n is not node and _compiled(n)]
    return _span(node) - sum(_span(n) for n in inner)


def _span(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", PRODUCT, ids=name)
def test_no_module_level_state_changes(path: Path) -> None:
    module, bad = tree(path), []
    held = {}
    for node in module.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(getattr(node, "value", None), MUTABLE):
                held[target.id] = node.lineno
                if not target.id.isupper() and target.id != "__all__":
                    bad.append(f"{target.id}: a container at module level is a constant, in capitals")
    for node in ast.walk(module):
        if isinstance(node, ast.Global):
            bad.append(f"line {node.lineno}: global {', '.join(node.names)}")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            if isinstance(node.func.value, ast.Name) and node.func.value.id in held:
                bad.append(f"line {node.lineno}: {node.func.value.id}.{node.func.attr}()")
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.Delete):
            changed = [node.target] if isinstance(node, ast.AugAssign) else node.targets
            bad += [
                f"line {node.lineno}: {t.value.id}[…] changes"
                for t in changed
                if isinstance(t, ast.Subscript) and isinstance(t.value, ast.Name) and t.value.id in held
            ]
    assert not bad, f"{name(path)}: {bad}"


def test_top_level_holds_only_what_belongs() -> None:
    here = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    ignored = {"out", "build", "dist", "__pycache__", *(n for n in here if n.endswith(".egg-info"))}
    assert here - ignored <= TOP


def test_shipped_networks_do_not_say_where_they_were_made() -> None:
    for path in (ROOT / "assets").rglob("*.onnx"):
        data = path.read_bytes()
        assert not [mark for mark in (b'File "', b"site-packages", b"/engines/nano") if mark in data], name(path)
