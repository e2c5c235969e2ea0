"""What a power loss leaves of a folder: each case by what was synced when."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from harness.clock import HostClock
from harness.systems import Ambient, Host
from harness.systems.disk import WATCHED, Disk
from harness.trace import SERVER_HOST


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


@pytest.fixture
def disk(folder: Path) -> Iterator[Disk]:
    made = Disk(folder)
    yield made
    made.close()


@pytest.fixture
def host(disk: Disk) -> Host:
    made = Host(SERVER_HOST, HostClock(0), lambda: 0, Ambient())
    made.disk = disk
    return made


def left(folder: Path) -> dict[str, str]:
    """Return what is in the files of a folder."""
    return {path.name: path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def synced(path: Path, text: str) -> None:
    with path.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


# What was written and when it was synced, and what is left of it.


def never(folder: Path) -> None:
    (folder / "a").write_text("1")


def once(folder: Path) -> None:
    synced(folder / "a", "1")


def before_a_change(folder: Path) -> None:
    synced(folder / "a", "1")
    (folder / "a").write_text("2")


def after_a_change(folder: Path) -> None:
    synced(folder / "a", "1")
    synced(folder / "a", "2")


def another_file(folder: Path) -> None:
    (folder / "a").write_text("1")
    synced(folder / "b", "2")


def data_alone(folder: Path) -> None:
    # A handle that is for writing alone can be synced, too.
    handle = os.open(folder / "a", os.O_WRONLY | os.O_CREAT)
    os.write(handle, b"1")
    os.fdatasync(handle)
    os.close(handle)


def the_whole_system(folder: Path) -> None:
    (folder / "a").write_text("1")
    os.sync()


def elsewhere(folder: Path) -> None:
    (folder / "a").write_text("1")
    synced(folder.parent / "b", "2")


def a_name_taken_over(folder: Path) -> None:
    synced(folder / "a", "1")
    synced(folder / "b", "2")
    (folder / "b").replace(folder / "a")


def a_name_taken_over_and_the_folder(folder: Path) -> None:
    a_name_taken_over(folder)
    sync_folder(folder)


def a_name_taken_over_by_what_was_not_synced(folder: Path) -> None:
    synced(folder / "a", "1")
    (folder / "b").write_text("2")
    (folder / "b").replace(folder / "a")
    sync_folder(folder)


def removed(folder: Path) -> None:
    synced(folder / "a", "1")
    (folder / "a").unlink()


def removed_and_the_folder(folder: Path) -> None:
    removed(folder)
    sync_folder(folder)


def in_a_folder_of_its_own(folder: Path) -> None:
    (folder / "x").mkdir()
    synced(folder / "x" / "a", "1")
    (folder / "y").mkdir()
    (folder / "y" / "b").write_text("2")


def by_two_names(folder: Path) -> None:
    synced(folder / "a", "1")
    os.link(folder / "a", folder / "b")
    (folder / "c").symlink_to("a")
    sync_folder(folder)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (never, {}),
        (once, {"a": "1"}),
        (before_a_change, {"a": "1"}),
        (after_a_change, {"a": "2"}),
        # The name of a is promised by the sync of b, and its contents by none.
        (another_file, {"a": "", "b": "2"}),
        (data_alone, {"a": "1"}),
        (the_whole_system, {"a": "1"}),
        (elsewhere, {}),
        # Without a sync after it, the new name is promised no more than its contents would be.
        (a_name_taken_over, {"a": "1", "b": "2"}),
        (a_name_taken_over_and_the_folder, {"a": "2"}),
        (a_name_taken_over_by_what_was_not_synced, {"a": ""}),
        (removed, {"a": "1"}),
        (removed_and_the_folder, {}),
        (in_a_folder_of_its_own, {"a": "1"}),
        (by_two_names, {"a": "1", "b": "1", "c": "1"}),
    ],
)
def test_what_a_power_loss_leaves(
    folder: Path, disk: Disk, host: Host, write: Callable[[Path], None], expected: dict[str, str]
) -> None:
    with host.seen():
        write(folder)
    disk.lose_power()
    assert left(folder) == expected


def test_what_is_left_is_on_the_disk_from_then_on(folder: Path, disk: Disk, host: Host) -> None:
    with host.seen():
        once(folder)
    disk.lose_power()
    with host.seen():
        synced(folder / "b", "2")
    (folder / "a").write_text("3")
    disk.lose_power()
    assert left(folder) == {"a": "1", "b": "2"}


def test_what_was_there_is_promised(folder: Path) -> None:
    (folder / "a").write_text("1")
    with closing(Disk(folder)) as disk:
        (folder / "a").write_text("2")
        disk.lose_power()
    assert left(folder) == {"a": "1"}


def test_what_was_written_back_is_promised(folder: Path, disk: Disk) -> None:
    (folder / "a").write_text("1")
    disk.write_back()
    (folder / "a").unlink()
    disk.lose_power()
    assert left(folder) == {"a": "1"}


def test_a_file_that_follows_a_removed_one_has_nothing_of_it(folder: Path, disk: Disk, host: Host) -> None:
    # Many file systems give the number of a removed file's inode to one of the next files.
    (folder / "a").write_text("1")
    disk.write_back()
    with host.seen():
        for text in "23456789":
            (folder / "part").write_text(text)
            (folder / "part").replace(folder / "a")
            (folder / f"more-{text}").write_text(text)
            if text in "59":
                sync_folder(folder)
    disk.lose_power()
    assert set(left(folder).values()) == {""}


def test_a_file_keeps_its_mode_and_its_links(folder: Path, disk: Disk, host: Host) -> None:
    with host.seen():
        by_two_names(folder)
        (folder / "a").chmod(0o600)
        sync_folder(folder)
    disk.lose_power()
    assert (folder / "a").stat().st_mode & 0o777 == 0o600
    assert (folder / "a").samefile(folder / "b")
    assert (folder / "c").readlink() == Path("a")


def test_a_socket_is_nobodys_file(folder: Path, disk: Disk, host: Host) -> None:
    os.mkfifo(folder / "pipe")
    with host.seen():
        once(folder)
    disk.lose_power()
    assert [path.name for path in folder.iterdir()] == ["a"]


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_database_is_left_as_it_was_written(folder: Path, disk: Disk, host: Host, mode: str) -> None:
    with host.seen():
        (folder / "x").mkdir()
        connection = sqlite3.connect(folder / "x" / "db", isolation_level=None)
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("CREATE TABLE t (n)")
        connection.execute("INSERT INTO t VALUES (7)")
        (folder / "x" / "a").write_text("1")
    disk.lose_power()
    assert sorted(path.name for path in (folder / "x").iterdir())[0] == "db"
    assert not (folder / "x" / "a").exists()
    with closing(sqlite3.connect(folder / "x" / "db")) as again:
        assert again.execute("SELECT n FROM t").fetchall() == [(7,)]
    connection.close()


# Who is watched, and when.


def test_only_what_is_synced_in_a_call_counts(folder: Path, disk: Disk, host: Host) -> None:
    real = os.fsync
    with host.seen():
        assert os.fsync is not real
    assert os.fsync is real
    once(folder)
    disk.lose_power()
    assert left(folder) == {}


def test_a_sync_is_that_of_the_host_whose_code_is_called(folder: Path, disk: Disk, host: Host) -> None:
    other = Host(0, HostClock(0), lambda: 0, host.ambient)
    with host.seen():
        with other.seen():
            once(folder)
        disk.lose_power()
        assert left(folder) == {}
        once(folder)
    disk.lose_power()
    assert left(folder) == {"a": "1"}


def test_it_does_not_matter_how_the_function_was_imported(
    folder: Path, disk: Disk, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.parent / "imports_it.py").write_text("from os import fdatasync\n")
    monkeypatch.syspath_prepend(folder.parent)
    monkeypatch.delitem(sys.modules, "imports_it", raising=False)
    with host.seen():
        import imports_it  # type: ignore[import-not-found]

        with (folder / "a").open("w") as file:
            file.write("1")
            file.flush()
            imports_it.fdatasync(file.fileno())
    assert imports_it.fdatasync is os.fdatasync
    disk.lose_power()
    assert left(folder) == {"a": "1"}


def test_what_cannot_be_synced_raises_as_ever(disk: Disk, host: Host) -> None:
    reading, writing = os.pipe()
    try:
        with host.seen(), pytest.raises(OSError, match="Invalid argument"):
            os.fsync(writing)
        with host.seen(), pytest.raises(OSError, match="Bad file descriptor"):
            os.fsync(1 << 20)
    finally:
        os.close(reading)
        os.close(writing)


def test_all_that_syncs_is_watched() -> None:
    assert [real.__name__ for real, _ in WATCHED] == ["fsync", "fdatasync", "sync"]


def test_nothing_is_left_open(folder: Path) -> None:
    disk = Disk(folder)
    once(folder)
    disk.write_back()
    handles = len(os.listdir("/proc/self/fd"))
    disk.close()
    assert len(os.listdir("/proc/self/fd")) == handles - 1
