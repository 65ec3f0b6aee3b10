"""The command line as a whole: it starts fast, teaches, keeps its streams apart, and ends with the right code whatever happens."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from meshc import __version__
from meshc.cli import COMMANDS, group
from tests.commands import MESH, mesh_folder, run

RUN = "from meshc.cli import main; main()"


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine says of colours and width does not matter here."""
    for name in ("NO_COLOR", "FORCE_COLOR", "MESHC_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")


def test_version() -> None:
    """`--version` names the program and its version."""
    assert f"meshc {__version__}\n" == run("--version").out


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_starts_fast(argument: str) -> None:
    """Nobody waits for the help: less than 100 ms of processor time beyond the interpreter's own, the best of five."""

    def spent(*command: str) -> float:
        before = os.times()
        subprocess.run([sys.executable, "-c", *command], capture_output=True, check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    best = min(spent(RUN, argument) for _ in range(5)) - min(spent("pass") for _ in range(5))
    assert best < 0.1


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches(name: str) -> None:
    """The help of each command says what it does, in the words of the list, and shows how it is used."""
    ran = run(name, "--help")
    assert 0 == ran.code
    assert "Examples:" in ran.out
    assert f"meshc {name}" in ran.out.partition("Examples:")[2]
    assert COMMANDS[name] in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_every_option_has_help() -> None:
    """No option is left unexplained."""
    with click.Context(group) as context:
        commands = [group, *(command for name in COMMANDS if (command := group.get_command(context, name)))]
    silent = [
        f"{one.name} {option.opts}" for one in commands for option in one.params if isinstance(option, click.Option) and not option.help
    ]
    assert [] == silent


def test_unknown_command_is_usage() -> None:
    """A mistyped command is answered with the nearest one."""
    ran = run("lnit")
    assert (2, "") == (ran.code, ran.out)
    assert "did you mean 'lint'?" in ran.err or "did you mean 'init'?" in ran.err


def test_no_command_shows_help() -> None:
    """Without a command the help is shown, and that is no success."""
    ran = run()
    assert (2, "") == (ran.code, ran.out)
    assert "Commands:" in ran.err


def test_missing_path_is_usage(tmp_path: Path) -> None:
    """A path that is not there is a mistake in the command, not in the mesh."""
    for name in ("lint", "test", "build"):
        assert 2 == run(name, tmp_path / "nowhere").code


@pytest.mark.parametrize(
    ("options", "environment", "terminal", "coloured"),
    [
        ([], {}, False, False),
        ([], {}, True, True),
        ([], {"TERM": "dumb"}, True, False),
        ([], {"NO_COLOR": "1"}, True, False),
        ([], {"NO_COLOR": ""}, True, True),
        ([], {"FORCE_COLOR": "1"}, False, True),
        ([], {"FORCE_COLOR": "0"}, False, False),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        (["--color", "always"], {"NO_COLOR": "1"}, False, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colours(  # noqa: PLR0917 - one parameter a column
    options: list[str],
    environment: dict[str, str],
    terminal: bool,  # noqa: FBT001 - a column of the table
    coloured: bool,  # noqa: FBT001 - as above
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The option decides, then the variables (no-color.org, force-color.org), then whether a person watches."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    mesh = mesh_folder(tmp_path, MESH.replace("calls: []", "calls: [nobody]"))
    before, after = run(*options, "lint", mesh, terminal=terminal), run("lint", mesh, *options, terminal=terminal)
    assert (coloured, coloured) == ("\x1b[1;31m" in before.out, "\x1b[1;31m" in after.out)


def test_progress_is_for_terminals_only(tmp_path: Path) -> None:
    """A log does not hold lines that were meant to be written over."""
    mesh = mesh_folder(tmp_path)
    assert "\r" not in run("lint", mesh, "--target", "istio").err
    err = run("lint", mesh, "--target", "istio", terminal=True).err
    assert err.startswith("\r\x1b[Klinting\r\x1b[K")
    assert "\r" not in run("--version", terminal=True).err


def test_a_bug_is_told_without_a_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw ends with 3, one message, and how to report it; the traceback comes when it is asked for."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the impossible")

    monkeypatch.setattr("meshc.compile.lint", broken)
    mesh = mesh_folder(tmp_path)
    ran = run("lint", mesh)
    assert (3, "") == (ran.code, ran.out)
    assert "RuntimeError: the impossible" in ran.err
    assert "report" in ran.err
    assert "Traceback" not in ran.err
    assert "Traceback" in run("--debug", "lint", mesh).err
    monkeypatch.setenv("MESHC_DEBUG", "1")
    assert "Traceback" in run("lint", mesh).err


def test_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends with 130, as shells expect, and without a traceback."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("meshc.compile.lint", interrupted)
    ran = run("lint", mesh_folder(tmp_path))
    assert 130 == ran.code
    assert "Traceback" not in ran.err


def test_a_reader_that_leaves(tmp_path: Path) -> None:
    """`meshc schema | head -1` is no error to talk about."""
    command = [sys.executable, "-c", RUN, "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"" == process.stderr.read()
    assert process.returncode == 128 + signal.SIGPIPE


def test_a_narrow_encoding(tmp_path: Path) -> None:
    """A terminal that can't show a character gets an escape, not a traceback."""
    mesh = mesh_folder(tmp_path, MESH.replace("name: shop,", "name: shop, snow-☃: 1,"))
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([sys.executable, "-c", RUN, "lint", str(mesh)], capture_output=True, env=environment, check=False)
    assert (1, b"") == (done.returncode, done.stderr)
    assert rb"snow-\u2603" in done.stdout


def test_runs_as_a_module() -> None:
    """`python -m meshc` is the same program."""
    done = subprocess.run([sys.executable, "-m", "meshc", "--version"], capture_output=True, text=True, check=True)
    assert f"meshc {__version__}\n" == done.stdout


def test_completes_commands() -> None:
    """A shell that asks for words that begin with `l` is told of `lint`."""
    environment = {**os.environ, "_MESHC_COMPLETE": "bash_complete", "COMP_WORDS": "meshc l", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, env=environment, check=True)
    assert ["plain,lint"] == done.stdout.split()


def test_interrupt_of_the_process(tmp_path: Path) -> None:
    """A real SIGINT while waiting for standard input ends with 130 too."""
    # A job in the background is started with SIGINT ignored, and what it starts inherits that.
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{heeds}; import meshc.cli.findings; print('ready', flush=True); {RUN}"
    command = [sys.executable, "-c", program, "lint", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert b"ready\n" == process.stdout.readline()
        time.sleep(0.5)  # until it reads
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert (130, False) == (process.returncode, b"Traceback" in err)
