"""The shape of the house: who may import whom, where each library lives, how large and how named a module may be."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CORE = {
    # The bottom: these know nothing of meshc but what stands here.
    "diagnostics": "",
    "paths": "regex",
    "regex": "",
    "codes": "diagnostics",
    "model": "diagnostics paths",
    "features": "diagnostics model",
    "target": "diagnostics features model",
    "certs": "",
    # From text to meaning.
    "source": "codes diagnostics",
    "spec": "codes diagnostics paths regex",
    "assemble": "codes diagnostics source spec",
    "load": "codes diagnostics output source spec",
    "overlay": "codes diagnostics source spec",
    "shorthand": "codes diagnostics source spec",
    "schema": "spec",
    "resolve": "codes diagnostics model overlay paths regex shorthand source space spec",
    # What is known about a mesh.
    "space": "diagnostics model paths regex",
    "rewriting": "paths regex",
    "spelling": "paths regex",
    "workloads": "model",
    "access": "diagnostics model paths regex rewriting",
    "routing": "diagnostics model paths regex space",
    "semantics": "access diagnostics model paths regex routing space",
    "graph": "diagnostics model",
    "rules": "access certs codes diagnostics features graph model paths regex routing semantics space",
    # The way out.
    "output": "codes diagnostics target",
    "report": "codes diagnostics semantics source",
    "starter": "",
    "fmt": "source",
    "compile": "*",
    "cli": "*",
}
"""A unit of meshc (a module, or a package of modules) -> the units it may import; `*`: all but `cli`."""

TARGETS_MAY_IMPORT = {
    "access",
    "certs",
    "diagnostics",
    "features",
    "model",
    "paths",
    "regex",
    "routing",
    "space",
    "spelling",
    "target",
    "workloads",
}

HOMES = {
    "click": {"cli"},
    "cryptography": {"certs"},
    "jsonschema": set[str](),
    "networkx": {"graph"},
    "pydantic": {"schema", "spec"},
    "pydantic_core": {"schema", "spec"},
    "rich": {"cli", "report"},
    "ruamel": {"fmt"},
    "yaml": {"source"},
}
"""A library -> the units of meshc that may import it. Targets bring their engines' libraries, and jsonschema, yaml for what they write."""

LIBRARIES_OF_TARGETS = {"jsonschema", "yaml"}

FORBIDDEN_NAMES = {"base", "common", "helper", "helpers", "impl", "manager", "misc", "util", "utils"}

MAX_LINES = 500

IGNORED = {".engines", ".git", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv", "__pycache__", "build", "dist"}


def modules(*folders: str) -> list[Path]:
    """Python files below folders of the project, as relative paths."""
    return sorted(file.relative_to(ROOT) for folder in folders for file in tracked(ROOT / folder) if file.suffix == ".py")


def tracked(folder: Path) -> Iterator[Path]:
    """Files that belong to the project: what a person or a program wrote for keeps."""
    for entry in sorted(folder.iterdir()):
        if entry.name in IGNORED or entry.name.endswith(".egg-info") or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from tracked(entry)
        else:
            yield entry


def unit(module: Path) -> str:
    """`meshc/report/text.py` -> `report`; the package itself is the empty name."""
    name = module.parts[1].removesuffix(".py")
    return "" if name == "__init__" else {"__main__": "cli"}.get(name, name)


def imported(module: Path) -> Iterator[str]:
    """Absolute names of all that a module imports, inside functions too; `from meshc import x` counts as `meshc.x`."""
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module="meshc", names=names):
                yield from (f"meshc.{alias.name}" for alias in names)
            case ast.ImportFrom(module=str(source)):
                yield source


def units_imported(module: Path) -> set[str]:
    return {name.split(".")[1] for name in imported(module) if name.startswith("meshc.")} - {"__version__"}


def libraries_imported(module: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(module)} - set(sys.stdlib_module_names) - {"meshc"}


def complaints(lines: Iterator[str]) -> str:
    return "\n".join(lines)


def test_every_unit_has_a_row() -> None:
    """A new part of meshc says in the table whom it may import."""
    units = {unit(module) for module in modules("meshc")} - {""}
    assert set() == units - CORE.keys(), "units without a row in CORE"


def test_core_imports_follow_the_table() -> None:
    """A part of meshc imports only what its row names."""

    def wrong() -> Iterator[str]:
        for module in modules("meshc"):
            own = unit(module)
            allowed = CORE.get(own, "")
            may = set(CORE) - {"cli"} if allowed == "*" else set(allowed.split())
            for name in sorted(units_imported(module) - may - {own}):
                yield f"{module}: `{own}` may not import `meshc.{name}`"

    assert complaints(wrong()) == ""


def test_the_table_has_no_cycle() -> None:
    """Following the table never leads back, so that each part can be read before those which use it."""
    rows = {name: set(CORE) - {"compile", "cli"} if may == "*" else set(may.split()) for name, may in CORE.items()}
    rows["cli"].add("compile")
    while ready := {name for name, may in rows.items() if not may & rows.keys()}:
        rows = {name: may for name, may in rows.items() if name not in ready}
    assert {} == rows


def test_libraries_stay_at_home() -> None:
    """A third-party library is imported only where the table says, and every one that is imported stands in it."""

    def wrong() -> Iterator[str]:
        for module in modules("meshc"):
            for library in sorted(libraries_imported(module)):
                if unit(module) not in HOMES.get(library, set()):
                    yield f"{module}: `{library}` has its home in {sorted(HOMES.get(library, set())) or 'no unit of meshc'}"

    assert complaints(wrong()) == ""


def test_targets_see_only_the_model() -> None:
    """A target knows the mesh and the target's contract: not the spec, the source, the pipeline, or another target."""

    def wrong() -> Iterator[str]:
        for module in modules("targets"):
            for name in sorted(units_imported(module) - TARGETS_MAY_IMPORT):
                yield f"{module}: a target may not import `meshc.{name}`"
            own = module.parts[1]
            strangers = {name for name in libraries_imported(module) if name in HOMES or name.startswith("meshc_")}
            for library in sorted(strangers - LIBRARIES_OF_TARGETS - {own}):
                yield f"{module}: a target may not import `{library}`"

    assert complaints(wrong()) == ""


def test_core_names_no_target() -> None:
    """Core finds targets by entry point: no module of it names a target's package."""
    pattern = re.compile(r"\bmeshc_[a-z]+\b")
    named = {str(module): found for module in modules("meshc") if (found := imports_of_targets(module, pattern))}
    assert {} == named


def imports_of_targets(module: Path, pattern: re.Pattern[str]) -> list[str]:
    """Targets' packages among a module's imports and strings (`import_module("meshc_x")` counts as well)."""
    strings = (node.value for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))) if isinstance(node, ast.Constant))
    words = [*imported(module), *(text for text in strings if isinstance(text, str))]
    packages = {folder.name for folder in (ROOT / "targets").iterdir() if folder.is_dir()}
    return sorted({found for text in words for found in pattern.findall(text)} & packages)


def test_every_target_has_an_entry_point() -> None:
    """Each folder of `targets/` is found by `meshc targets`."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["meshc.targets"]
    folders = {folder.name for folder in (ROOT / "targets").glob("meshc_*") if folder.is_dir()}
    assert folders == {value.partition(":")[0] for value in points.values()}
    assert all(name == f"meshc_{point}" for point, value in points.items() for name in [value.partition(":")[0]])


def test_modules_say_what_they_know() -> None:
    """Every module begins with a docstring."""
    silent = [str(module) for module in modules("meshc", "targets", "tests", "engines") if not docstring(module)]
    assert [] == silent


def docstring(module: Path) -> str | None:
    return ast.get_docstring(ast.parse((ROOT / module).read_text(encoding="utf-8")))


def test_tests_say_what_they_show() -> None:
    """Every test has a docstring of its own."""

    def silent() -> Iterator[str]:
        for module in modules("tests"):
            for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node):
                    yield f"{module}:{node.lineno}: {node.name}"

    assert complaints(silent()) == ""


def test_modules_stay_small() -> None:
    """No module grows past what a person reads at one sitting."""
    lengths = {
        str(module): len((ROOT / module).read_text(encoding="utf-8").splitlines())
        for module in modules("meshc", "targets", "tests", "engines")
    }
    assert {} == {module: lines for module, lines in lengths.items() if lines > MAX_LINES}


def test_names_say_something() -> None:
    """No module or folder has a name that fits anything."""
    paths = modules("meshc", "targets", "tests", "engines")
    assert [] == [str(path) for path in paths if FORBIDDEN_NAMES & {part.removesuffix(".py").strip("_") for part in path.parts}]


def test_imports_are_absolute() -> None:
    """No module imports relative to itself: a line can be moved and searched for."""
    relative = [
        f"{module}:{node.lineno}"
        for module in modules("meshc", "targets", "tests", "engines")
        for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert [] == relative


def test_start_is_cheap() -> None:
    """Who asks for the version does not wait for libraries that have nothing to do with it."""
    program = (
        "import sys\n"
        "from meshc.cli import main\n"
        "try:\n"
        "    main(['--version'])\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code, stop.code\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert {"meshc"} == loaded & {"meshc", "cryptography", "jsonschema", "networkx", "pydantic", "ruamel", "yaml"}


def test_no_private_key_is_kept() -> None:
    """No file of the project holds a private key, not even one for tests: they are made when needed."""
    key = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{40}")
    assert [] == [str(file.relative_to(ROOT)) for file in tracked(ROOT) if key.search(file.read_bytes())]


def test_no_machine_is_named() -> None:
    """No file of the project holds a path of someone's machine."""
    homes = "|".join(["/work" + "/(main|shared)", "/root" + "/", "/home" + "/[a-z]", "/Users" + "/[A-Za-z]"])
    path = re.compile(rf"(?<![\w.])({homes})".encode())
    assert [] == [str(file.relative_to(ROOT)) for file in tracked(ROOT) if path.search(file.read_bytes())]


def test_the_root_stays_tidy() -> None:
    """A visitor finds a few files at the root, each expected there; one configuration file serves all tools."""
    expected = {
        ".editorconfig", ".gitattributes", ".gitignore", ".pre-commit-hooks.yaml", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md",
        "LICENSE", "Makefile", "README.md", "SECURITY.md", "constraints.txt", "pyproject.toml",
    }  # fmt: skip
    assert set() == {entry.name for entry in ROOT.iterdir() if entry.is_file() and entry.name != ".git"} - expected
