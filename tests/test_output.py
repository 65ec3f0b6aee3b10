"""The writer of builds: whole trees or nothing, meshc's own files only, and what stands in the way said."""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pytest

from meshc import output
from meshc.output import MARKER, swap
from meshc.output.manifest import made
from meshc.target import File


def files(contents: Mapping[str, str]) -> list[File]:
    """Files as a target makes them."""
    return [File(PurePosixPath(path), content.encode()) for path, content in contents.items()]


def build(out: Path, contents: Mapping[str, str]) -> output.Written:
    """Builds one tree, `t`."""
    (done,) = output.write(out, {"t": files(contents)})
    return done


def tree(folder: Path) -> dict[str, str]:
    """What lies in a folder: texts of files, targets of links; without meshc's own list."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_dir():
            if not any(path.iterdir()):
                found[f"{name}/"] = ""
        elif path.name != MARKER:
            found[name] = path.read_text()
    return found


def names(folder: Path) -> list[str]:
    """What lies directly in a folder."""
    return sorted(path.name for path in folder.iterdir())


def refusal(out: Path, contents: Mapping[str, str]) -> list[tuple[str, str]]:
    """Why a build is refused: codes and the places they name, relative to the output folder."""
    with pytest.raises(output.WriteError) as error:
        build(out, contents)
    return [(one.code, Path(one.origin.file).relative_to(out).as_posix()) for one in error.value.findings]


def test_writes_a_first_tree(tmp_path: Path) -> None:
    """Folders that are missing are made, above the output folder too."""
    done = build(tmp_path / "a" / "out", {"shop/x.yaml": "x\n", "y.yaml": "y\n"})
    assert {"t/shop/x.yaml": "x\n", "t/y.yaml": "y\n"} == tree(tmp_path / "a" / "out")
    assert (("shop/x.yaml", "y.yaml"), (), (), 0) == (done.added, done.changed, done.removed, done.unchanged)


def test_the_list_holds_names_alone(tmp_path: Path) -> None:
    """What meshc made is listed by name, in the order of names."""
    build(tmp_path, {"b.yaml": "1\n", "a/c.yaml": "2\n"})
    lines = (tmp_path / "t" / MARKER).read_text().splitlines()
    assert ["./a/c.yaml", "./b.yaml"] == [line for line in lines if not line.startswith("#")]
    assert ".meshc-output" == MARKER, "its name is in users' repositories"


def test_the_list_changes_with_the_set_of_files_only(tmp_path: Path) -> None:
    """A build that changes what files say leaves the list as it is: no two changes of a mesh conflict over it."""
    build(tmp_path, {"a": "1", "b": "1"})
    before = (tmp_path / "t" / MARKER).read_bytes()
    build(tmp_path, {"a": "2", "b": "2"})
    assert before == (tmp_path / "t" / MARKER).read_bytes()
    build(tmp_path, {"a": "2", "b": "2", "c": "1"})
    assert before != (tmp_path / "t" / MARKER).read_bytes()


def test_lists_with_digests_are_read(tmp_path: Path) -> None:
    """A tree that version 0.1 made, whose list is one that sha256sum reads, is meshc's; the next build writes the list anew."""
    root = tmp_path / "t"
    (root / "shop").mkdir(parents=True)
    lines = []
    for path, content in (("gone", b"1"), ("shop/x", b"2")):
        (root / path).write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {path}\n")
    (root / "mine").write_text("mine")
    (root / MARKER).write_text("# What meshc made here, and nothing else: it removes or replaces these files only.\n" + "".join(lines))
    assert [MARKER] == [Path(one.path).name for one in output.check(tmp_path, {"t": files({"gone": "1", "shop/x": "2"})})]
    assert (("shop/x",), ("gone",)) == ((done := build(tmp_path, {"shop/x": "3"})).changed, done.removed)
    assert {"mine": "mine", "shop/x": "3"} == tree(root)
    assert ["./shop/x"] == (root / MARKER).read_text().splitlines()[1:]


def test_comments_and_marks_of_merges_are_no_names(tmp_path: Path) -> None:
    """Files of others that are called like lines of a list stay: only what stands behind `./` is a name."""
    build(tmp_path, {"a": "1"})
    root = tmp_path / "t"
    strangers = ["=======", "<<<<<<< HEAD", "plain", "# x"]
    for name in strangers:
        (root / name).write_text("mine")
    with (root / MARKER).open("a") as listed:
        listed.write("".join(f"{name}\n" for name in strangers))
    build(tmp_path, {"b": "1"})
    assert {"b", *strangers} == {*tree(root)}


def test_replaces_and_removes_its_own(tmp_path: Path) -> None:
    """Files that are no longer made go, with folders that only they needed."""
    build(tmp_path, {"old/gone.yaml": "1", "keep.yaml": "1", "change.yaml": "1"})
    done = build(tmp_path, {"keep.yaml": "1", "change.yaml": "2", "new.yaml": "1"})
    assert {"keep.yaml": "1", "change.yaml": "2", "new.yaml": "1"} == tree(tmp_path / "t")
    assert (("new.yaml",), ("change.yaml",), ("old/gone.yaml",), 1) == (done.added, done.changed, done.removed, done.unchanged)


def test_a_file_may_become_a_folder_and_back(tmp_path: Path) -> None:
    """Own names may change what they are."""
    build(tmp_path, {"x": "file"})
    build(tmp_path, {"x/y": "below"})
    assert {"x/y": "below"} == tree(tmp_path / "t")
    build(tmp_path, {"x": "file"})
    assert {"x": "file"} == tree(tmp_path / "t")


def test_unchanged_files_keep_their_times(tmp_path: Path) -> None:
    """Nothing is written where nothing changed; where one file changed, the others are the same files as before."""
    build(tmp_path, {"a": "1", "b": "1"})
    os.utime(tmp_path / "t" / "a", (1, 1))
    before = (tmp_path / "t").stat().st_ino
    assert 2 == build(tmp_path, {"a": "1", "b": "1"}).unchanged
    assert before == (tmp_path / "t").stat().st_ino
    build(tmp_path, {"a": "1", "b": "2"})
    assert 1 == (tmp_path / "t" / "a").stat().st_mtime


def test_keeps_what_it_did_not_make(tmp_path: Path) -> None:
    """Files, links, pipes and empty folders of others stay exactly as they are, modes and times included."""
    build(tmp_path, {"shop/x.yaml": "1", "shop/y.yaml": "1"})
    root = tmp_path / "t"
    (root / "shop" / "mine.txt").write_text("mine")
    (root / "shop" / "mine.txt").chmod(0o640)
    os.utime(root / "shop" / "mine.txt", (5, 5))
    (root / "away").symlink_to("/nowhere")
    (root / "empty").mkdir(mode=0o750)
    os.mkfifo(root / "pipe")
    build(tmp_path, {"z.yaml": "1"})
    assert {"shop/mine.txt", "away", "empty/", "z.yaml"} == {*tree_without_pipes(root)}
    status = (root / "shop" / "mine.txt").stat()
    assert (0o100640, 5.0, 1) == (status.st_mode, status.st_mtime, status.st_nlink)
    assert 0o750 == (root / "empty").stat().st_mode & 0o777
    assert (root / "pipe").is_fifo()


def tree_without_pipes(folder: Path) -> dict[str, str]:
    """As `tree`: a pipe would wait for a writer."""
    (folder / "pipe").rename(folder.parent / "pipe")
    found = tree(folder)
    (folder.parent / "pipe").rename(folder / "pipe")
    return found


def test_other_targets_and_files_are_not_touched(tmp_path: Path) -> None:
    """What lies beside a target's tree is no business of its build."""
    (tmp_path / "README").write_text("mine")
    output.write(tmp_path, {"one": files({"a": "1"}), "two": files({"a": "1"})})
    output.write(tmp_path, {"two": files({"b": "2"})})
    assert {"README": "mine", "one/a": "1", "two/b": "2"} == tree(tmp_path)


@pytest.mark.parametrize("way", ["file", "folder", "link", "dangling", "fifo"])
def test_what_stands_in_the_way_is_named(tmp_path: Path, way: str) -> None:
    """A file meshc did not make is never overwritten: MC802, and nothing changes."""
    build(tmp_path, {"a.yaml": "1"})
    place = tmp_path / "t" / "b.yaml"
    match way:
        case "file":
            place.write_text("mine")
        case "folder":
            place.mkdir()
        case "fifo":
            os.mkfifo(place)
        case _:
            place.symlink_to("a.yaml" if way == "link" else "nowhere")
    before = names(tmp_path / "t")
    assert [("MC802", "t/b.yaml")] == refusal(tmp_path, {"a.yaml": "2", "b.yaml": "2"})
    assert (before, "1") == (names(tmp_path / "t"), (tmp_path / "t" / "a.yaml").read_text())


def test_all_that_stands_in_the_way_is_named_at_once(tmp_path: Path) -> None:
    """Several at once, in several trees."""
    for place in ("one/a", "two/b", "two/c"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text("mine")
    with pytest.raises(output.WriteError) as error:
        output.write(tmp_path, {"one": files({"a": "1"}), "two": files({"b": "1", "c": "1", "d": "1"})})
    assert 3 == len(error.value.findings)
    assert {"one/a": "mine", "two/b": "mine", "two/c": "mine"} == tree(tmp_path)


def test_links_inside_are_not_followed(tmp_path: Path) -> None:
    """A folder that is a link is no way out of the output: nothing is written or removed behind it."""
    build(tmp_path / "out", {"shop/x.yaml": "1"})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.yaml").write_text("mine")
    (tmp_path / "out" / "t" / "shop" / "x.yaml").unlink()
    (tmp_path / "out" / "t" / "shop").rmdir()
    (tmp_path / "out" / "t" / "shop").symlink_to(tmp_path / "elsewhere")
    assert [("MC802", "t/shop")] == refusal(tmp_path / "out", {"shop/x.yaml": "2"})
    build(tmp_path / "out", {"y.yaml": "1"})
    assert {"x.yaml": "mine"} == tree(tmp_path / "elsewhere")


def test_a_link_in_place_of_an_own_file_is_not_followed(tmp_path: Path) -> None:
    """Somebody put a link where a file of meshc's was: what it points to stays as it is."""
    build(tmp_path / "out", {"x.yaml": "1"})
    (tmp_path / "target").write_text("mine")
    (tmp_path / "out" / "t" / "x.yaml").unlink()
    (tmp_path / "out" / "t" / "x.yaml").symlink_to(tmp_path / "target")
    assert [("MC802", "t/x.yaml")] == refusal(tmp_path / "out", {"x.yaml": "2"})
    build(tmp_path / "out", {"y.yaml": "1"})
    assert "mine" == (tmp_path / "target").read_text()
    assert (tmp_path / "out" / "t" / "x.yaml").is_symlink()


def test_the_output_folder_may_be_a_link(tmp_path: Path) -> None:
    """Who gives a link as the output folder means what it points to."""
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    build(tmp_path / "out", {"a": "1"})
    assert {"t/a": "1"} == tree(tmp_path / "real")
    assert (tmp_path / "out").is_symlink()


def test_a_target_folder_may_not_be_a_link(tmp_path: Path) -> None:
    """The tree itself is exchanged as a whole, so it must be a real folder: MC803."""
    (tmp_path / "real").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "t").symlink_to("../real")
    assert [("MC803", "t")] == refusal(tmp_path / "out", {"a": "1"})
    assert {} == tree(tmp_path / "real")


def test_a_file_in_place_of_a_target_folder(tmp_path: Path) -> None:
    """A file of the target's name is somebody's: MC802."""
    (tmp_path / "t").write_text("mine")
    assert [("MC802", "t")] == refusal(tmp_path, {"a": "1"})
    assert "mine" == (tmp_path / "t").read_text()


def test_a_file_in_place_of_the_output_folder(tmp_path: Path) -> None:
    """An output folder that is a file can't be written to: MC803."""
    (tmp_path / "out").write_text("mine")
    with pytest.raises(output.WriteError) as error:
        build(tmp_path / "out", {"a": "1"})
    assert ["MC803"] == [one.code for one in error.value.findings]
    assert "mine" == (tmp_path / "out").read_text()


def test_the_same_content_is_taken_over(tmp_path: Path) -> None:
    """A tree whose list was lost, but that is what the build makes, is meshc's again; nothing had to be overwritten."""
    build(tmp_path, {"a": "1", "b": "1"})
    (tmp_path / "t" / MARKER).unlink()
    assert 2 == build(tmp_path, {"a": "1", "b": "1"}).unchanged
    assert {"b": "1"} == (build(tmp_path, {"b": "1"}), tree(tmp_path / "t"))[1]


def test_a_list_with_both_sides_of_a_merge(tmp_path: Path) -> None:
    """Conflict marks in the list make it no less a list of both sides."""
    build(tmp_path, {"ours": "1", "both": "1"})
    ours = (tmp_path / "t" / MARKER).read_text()
    build(tmp_path, {"theirs": "1", "both": "1"})
    theirs = (tmp_path / "t" / MARKER).read_text()
    (tmp_path / "t" / "ours").write_text("1")
    (tmp_path / "t" / MARKER).write_text(f"<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> other\n")
    build(tmp_path, {"both": "2"})
    assert {"both": "2"} == tree(tmp_path / "t")


@pytest.mark.parametrize("path", ["../victim", "/victim", "a/../../victim", "./../victim"])
def test_a_list_cannot_name_files_outside(tmp_path: Path, path: str) -> None:
    """Whatever somebody wrote into the list, nothing outside the tree is removed."""
    (tmp_path / "victim").write_text("mine")
    for line in (f"./{path}", f"{'0' * 64}  {path}"):
        assert frozenset() == made(f"{line}\n".encode())
    build(tmp_path, {"a": "1"})
    with (tmp_path / "t" / MARKER).open("a") as listed:
        listed.write(f"./{path}\n{hashlib.sha256(b'mine').hexdigest()}  {path}\n")
    build(tmp_path, {"b": "1"})
    assert {"victim": "mine", "t/b": "1"} == tree(tmp_path)


def test_changes_by_hand_are_undone(tmp_path: Path) -> None:
    """A file of meshc's that somebody edited is replaced or removed all the same, and counts as changed."""
    build(tmp_path, {"a": "1", "b": "1", "c": "1"})
    (tmp_path / "t" / "a").write_text("edited")
    (tmp_path / "t" / "b").write_text("edited")
    done = build(tmp_path, {"a": "1", "c": "1"})
    assert (("a",), ("b",)) == (done.changed, done.removed)
    assert {"a": "1", "c": "1"} == tree(tmp_path / "t")


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../x", ".", MARKER, "a\nb"])
def test_targets_cannot_leave_their_tree(tmp_path: Path, path: str) -> None:
    """A file name that leads out is the target's bug, found before anything is written."""
    with pytest.raises(ValueError, match="impossible names"):
        build(tmp_path / "out", {path: "1"})
    assert not (tmp_path / "out").exists()


def test_targets_cannot_make_a_file_twice(tmp_path: Path) -> None:
    """Two files of one name, or a file that is a folder too, are the target's bug."""
    for wanted in ([*files({"a": "1"}), *files({"a": "2"})], files({"a": "1", "a/b": "1"})):
        with pytest.raises(ValueError, match="impossible names"):
            output.write(tmp_path / "out", {"t": wanted})


# --- when the disk says no ------------------------------------------------------------------------------------------------------

NO_SPACE = """
import resource, sys
from pathlib import Path, PurePosixPath
from meshc.output import WriteError, write
from meshc.target import File
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write(Path(sys.argv[1]), {"t": [File(PurePosixPath("a"), b"2"), File(PurePosixPath("big"), b"x" * 10_000)]})
except WriteError as error:
    print(*(one.code for one in error.findings))
"""


@pytest.mark.parametrize("first", [True, False])
def test_a_full_disk(tmp_path: Path, first: bool) -> None:  # noqa: FBT001 - a column
    """Where a file can't be written to its end, the tree stays as it was and no trace is left: MC803."""
    out = tmp_path / "out"
    if not first:
        build(out, {"a": "1", "old": "1"})
    before = listing(tmp_path)
    done = subprocess.run([sys.executable, "-c", NO_SPACE, out], capture_output=True, text=True, check=True)
    assert "MC803\n" == done.stdout
    assert before == listing(tmp_path)


def listing(folder: Path) -> dict[str, bytes]:
    """All names and contents, hidden ones and the list too."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b"" for path in sorted(folder.rglob("*"))}


NOBODY = 65534


@contextmanager
def unprivileged(*paths: Path) -> Iterator[None]:
    """Root is not bound by modes: as root, the paths are given to nobody, and so is what happens inside."""
    if os.geteuid() != 0:
        yield
        return
    for path in paths:
        os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("closed", [".", "t"])
def test_a_read_only_folder(closed: str) -> None:
    """No permission to write, to the output folder or to the tree: MC803, and all stays."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "out"
        build(out, {"a": "1"})
        before = listing(out)
        with unprivileged(Path(name), out, *out.rglob("*")):
            (out / closed).chmod(0o555)
            found = refusal(out, {"a": "2"})
            (out / closed).chmod(0o755)
        assert ([("MC803", ".")], before) == (found, listing(out))


@pytest.mark.parametrize("call", ["mkdir", "link", "open", "chmod"])
def test_a_refused_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Whichever call the system refuses while the next tree is made: MC803, and all is as before."""
    build(tmp_path, {"a": "1", "b/c": "1"})
    before = listing(tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    with monkeypatch.context() as patch:
        if call == "link":
            patch.setattr("meshc.output.swap.os.link", refuse)
            patch.setattr("meshc.output.swap._NO_LINK", frozenset[int]())
        else:
            patch.setattr(f"meshc.output.swap.Path.{call}", refuse)
        assert ["MC803"] == [code for code, _ in refusal(tmp_path, {"a": "1", "b/c": "2"})]
    assert before == listing(tmp_path)


def test_trees_put_in_place_are_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the second of two trees can't be put in place, the first is the old one again."""
    output.write(tmp_path, {"one": files({"a": "1"}), "two": files({"a": "1"})})
    before = listing(tmp_path)
    real = swap.put_in_place

    def second_fails(live: Path) -> Path | None:
        if live.name == "two":
            raise OSError(5, "Input/output error")
        return real(live)

    monkeypatch.setattr(output, "put_in_place", second_fails)
    with pytest.raises(output.WriteError):
        output.write(tmp_path, {"one": files({"a": "2"}), "two": files({"a": "2"})})
    assert before == listing(tmp_path)


@pytest.mark.parametrize("links", [True, False])
def test_without_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:  # noqa: FBT001 - a column
    """On systems that can't exchange folders, or link files, the result is the same."""
    monkeypatch.setattr(swap, "_exchange", lambda *_: False)
    if not links:
        monkeypatch.setattr(swap, "_linked", lambda *_: False)
    build(tmp_path, {"a": "1", "b": "1"})
    (tmp_path / "t" / "mine").write_text("mine")
    (tmp_path / "t" / "link").symlink_to("mine")
    build(tmp_path, {"a": "2", "b": "1"})
    assert {"a": "2", "b": "1", "mine": "mine", "link": "-> mine"} == tree(tmp_path / "t")
    assert ["t"] == names(tmp_path)


def test_a_file_that_appears_during_a_build_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody saves a file into the tree between the look and the exchange: it moves to the new tree."""
    build(tmp_path, {"a": "1"})
    real = swap.put_in_place

    def late(live: Path) -> Path | None:
        (live / "late").write_text("mine")
        return real(live)

    monkeypatch.setattr(output, "put_in_place", late)
    build(tmp_path, {"a": "2"})
    assert {"a": "2", "late": "mine"} == tree(tmp_path / "t")


# --- checking -------------------------------------------------------------------------------------------------------------------


def test_check_sees_every_difference(tmp_path: Path) -> None:
    """Missing, changed and stale files, each with its diff; nothing is written."""
    build(tmp_path, {"same": "1\n", "changed": "1\n", "stale": "1\n"})
    (tmp_path / "t" / "foreign").write_text("mine")
    before = listing(tmp_path)
    found = output.check(tmp_path, {"t": files({"same": "1\n", "changed": "2\n", "missing": "1\n"})})
    name = (tmp_path / "t").as_posix()
    assert [
        (f"{name}/changed", "differs", f"--- {name}/changed\n+++ {name}/changed\n@@ -1 +1 @@\n-1\n+2\n"),
        (f"{name}/missing", "missing", f"--- /dev/null\n+++ {name}/missing\n@@ -0,0 +1 @@\n+1\n"),
        (f"{name}/stale", "no longer made", f"--- {name}/stale\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n"),
    ] == [(one.path, one.kind.value, one.diff) for one in found]
    assert before == listing(tmp_path)


def test_check_of_what_is_up_to_date(tmp_path: Path) -> None:
    """A build leaves nothing to find, and a lost list is found."""
    build(tmp_path, {"a": "1"})
    assert () == output.check(tmp_path, {"t": files({"a": "1"})})
    (tmp_path / "t" / MARKER).unlink()
    assert [(tmp_path / "t" / MARKER).as_posix()] == [one.path for one in output.check(tmp_path, {"t": files({"a": "1"})})]


def test_check_without_any_output(tmp_path: Path) -> None:
    """Where nothing was built yet everything is missing, and no folder is made."""
    assert ["missing"] == [one.kind.value for one in output.check(tmp_path / "out", {"t": files({"a": "1"})})]
    assert not (tmp_path / "out").exists()
