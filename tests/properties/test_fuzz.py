"""Whatever a mesh is broken into: a build ends with diagnostics or with a whole tree, never with a traceback, never in between."""

import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from meshc import load
from meshc.output import MARKER
from tests.commands import run

ROOT: Final = Path(__file__).resolve().parent.parent.parent
MESHES: Final = sorted([*(path.parent for path in ROOT.glob("examples/*/mesh.yaml")), ROOT / "tests" / "fixtures" / "shop"])
SHARDS: Final = 8
MUTANTS: Final = 5_000 if os.environ.get("CI") == "true" else 200

SCALARS: Final = [
    "", "null", "~", "true", "0", "-1", "1.5", "1e999", ".nan", "99999999999999999999", "[]", "{}", "[{}]", "{a: b}", '""', "'*'",
    '"\\0"', "*x", "&x y", "!!str 1", "|", ">", "<<", "0s", "5m", "-3s", "100%", "101%", "12.5%", "64KiB", "/", "/**", "/a/*",
    "/{id}", "'*.example'", "http", "tcp", "shop", "shop/users", "/users", "users/", "a/b/c", "all", "callers", "everyone", "plaintext",
    "none", "{regex: '('}", "{regex: '(a+)+$'}", "{present: true}", "{namespace: shop}", "{cidr: [10.0.0.0/8]}", "{cidr: ['::/0']}",
    "{gateway: public}", "é", "'\\u202e'", "2024-01-01", "0o7", "65536", "{to: users}", "{weight: 0}", "[[[[]]]]",
    "{versions: {v1: {}}}", "'{{ x }}'", "\t", "#", "---", "...", "x" * 300,
]  # fmt: skip
"""Values that are fine for one key and wrong for another, and some that are fine for none."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_./*{}%\"'-]+")


def _bytes(text: str, chance: random.Random) -> str:
    """A few characters gone, doubled or replaced."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text) + 1)
        text = text[:at] + chance.choice(["", chance.choice(":-{}[],&*#?|>!%@`\"' \n\t\r\0x1é\ufeff")]) + text[at + chance.randint(0, 2) :]
    return text


def _line(text: str, chance: random.Random) -> str:
    """A line gone, doubled, moved or indented otherwise."""
    lines = text.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    line = lines.pop(at)
    match chance.randrange(4):
        case 0:
            pass
        case 1:
            lines[at:at] = [line, line]
        case 2:
            lines.insert(chance.randrange(len(lines) + 1), line)
        case _:
            lines.insert(at, " " * chance.randint(1, 3) + line if chance.random() < 0.5 else line.removeprefix("  "))
    return "".join(lines)


def _value(text: str, chance: random.Random) -> str:
    """A word replaced by another kind of value, or by another word of the file."""
    words = list(_TOKEN.finditer(text))
    word = chance.choice(words)
    new = chance.choice(SCALARS) if chance.random() < 0.6 else chance.choice(words)[0]
    return text[: word.start()] + new + text[word.end() :]


def _block(text: str, chance: random.Random) -> str:
    """A run of lines gone, or copied to another place."""
    lines = text.splitlines(keepends=True)
    start = chance.randrange(len(lines))
    end = min(len(lines), start + chance.randint(1, 8))
    block = lines[start:end]
    if chance.random() < 0.5:
        del lines[start:end]
    else:
        at = chance.randrange(len(lines) + 1)
        lines[at:at] = block
    return "".join(lines)


MUTATIONS: Final[tuple[Callable[[str, random.Random], str], ...]] = (_bytes, _line, _value, _value, _value, _block)


def mutant(mesh: Path, folder: Path, chance: random.Random) -> str:
    """A copy of a mesh with one to three changes in one of its files; the changed file's text."""
    contents, _ = load.find(mesh)
    chosen = chance.choice(sorted(contents))
    text = contents[chosen].decode()
    for _ in range(chance.choice([1, 1, 2, 3])):
        text = chance.choice(MUTATIONS)(text or "x\n", chance)
    others = {path.relative_to(mesh).as_posix(): path.read_bytes() for name in ("ca", "keys") for path in mesh.glob(f"{name}/*")}
    for name, content in {**others, **contents, chosen: text.encode(errors="surrogatepass")}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return text


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.timeout(900)
def test_mutants(shard: int, tmp_path: Path) -> None:
    """0 with a whole tree, or 1 or 2 with a message and nothing written; never 3, never a traceback."""
    chance = random.Random(f"meshc {shard}")  # noqa: S311 - the same mutants in every run
    codes = []
    for number in range(MUTANTS // SHARDS):
        mesh = chance.choice(MESHES)
        folder, out = tmp_path / str(number), tmp_path / f"{number}-out"
        text = mutant(mesh, folder, chance)
        ran = run("build", folder, "--target", "istio", "-o", out)
        codes.append(ran.code)
        context = f"{mesh.name}: {ran}\n{text}"
        assert ran.code in {0, 1, 2}, context
        assert "Traceback" not in ran.out + ran.err, context
        if ran.code:
            assert not out.exists(), context
            assert ran.out + ran.err, context
        else:
            assert (out / "istio" / MARKER).is_file(), context
    assert len({0, 1} & {*codes}) == 2, "mutants of one kind only say little"


@pytest.mark.parametrize("shard", range(2))
def test_mutants_in_every_command(shard: int, tmp_path: Path) -> None:
    """Reading commands too answer a broken mesh with 0, 1 or 2."""
    chance = random.Random(f"commands {shard}")  # noqa: S311 - as above
    for number in range(MUTANTS // 50):
        folder = tmp_path / str(number)
        text = mutant(chance.choice(MESHES), folder, chance)
        for command in ("lint {} --format json", "test {}", "trace {} --via public GET https://shop.example.com/a"):
            ran = run(*command.format(folder).split(" "))
            assert ran.code in {0, 1, 2}, f"{command} {ran}\n{text}"
            assert "Traceback" not in ran.out + ran.err, text
