"""The store: what was saved is found again, and what is damaged is never taken for empty."""

from __future__ import annotations

import resource
import sqlite3
from pathlib import Path

import pytest

from reference_server.authority import Authority
from reference_server.licence import Licence
from reference_server.program.store import CannotWriteError, Store, StoreError
from reference_server.protocol import Instant, Poll, Register, Unbind
from reference_server.readings import LITERAL
from tests.reference_server.bench import EPOCH, FIRST, HOUR


def authority() -> Authority:
    return Authority(Licence(capacity=2, ranges=((FIRST, FIRST + 9),)), LITERAL)


def at(hours: int) -> Instant:
    return Instant(hours * HOUR, EPOCH + hours * HOUR)


def asked(kind: type[Register | Poll | Unbind], who: str, number: int = 1) -> Register | Poll | Unbind:
    return kind(number=number, installation=who, address=FIRST, application="r", cluster="c" if who == "a" else None)


def test_what_was_saved_is_found_again(tmp_path: Path) -> None:
    store, first = Store(tmp_path / "s", "B", fresh=True), authority()
    first.start(at(0))
    for hours, kind, who, number in (
        (1, Register, "a", 1),
        (2, Register, "b", 1),
        (3, Poll, "a", 2),
        (4, Unbind, "b", 2),
    ):
        first.handle(asked(kind, who, number), FIRST, at(hours))
        store.save(first, [who])
    store.use_serial(7)
    store.close()

    again = Store(tmp_path / "s", "B", fresh=False)
    stored = again.load()
    assert (stored.date_us, again.serial) == (EPOCH + 4 * HOUR, 7)
    assert [row.installation for row in stored.slots] == ["a"]
    assert stored.slots[0] == first.slot_row("a")
    assert stored.answers == (*first.answer_rows("a"), *first.answer_rows("b"))
    again.close()


def test_a_new_store_is_empty(tmp_path: Path) -> None:
    store = Store(tmp_path / "s", "B", fresh=True)
    assert (store.load().slots, store.load().answers, store.serial) == ((), (), 0)
    store.close()


def damaged(path: Path, how: str) -> None:
    """Damage the store at ``path``."""
    if how == "cut":
        path.write_bytes(path.read_bytes()[:9000])
    elif how == "garbage":
        path.write_bytes(b"no database" * 1000)
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "an index":
        # An index that is empty, and right in itself: what is read by it would silently be nothing.
        with sqlite3.connect(path) as connection:
            name = "sqlite_autoindex_answers_1"
            (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        connection.close()
        data = bytearray(path.read_bytes())
        data[(root - 1) * 4096 : root * 4096] = bytes([10, 0, 0, 0, 0, 16, 0, 0]) + bytes(4088)
        path.write_bytes(data)
    elif how == "a page":
        data = bytearray(path.read_bytes())
        data[4096:4300] = b"\xff" * 204
        path.write_bytes(data)
    else:
        change = {
            "a row": "UPDATE answers SET request = x'78'",
            "a date": "UPDATE facts SET value = 'soon' WHERE name = 'date_us'",
            "version": "PRAGMA user_version = 9",
            "bundle": "UPDATE facts SET value = 'C' WHERE name = 'bundle'",
        }[how]
        with sqlite3.connect(path) as connection:
            connection.execute(change)
        connection.close()


@pytest.mark.parametrize(
    "how", ["cut", "garbage", "empty", "a page", "an index", "a row", "a date", "version", "bundle"]
)
def test_a_damaged_store_is_noticed(tmp_path: Path, how: str) -> None:
    store, first = Store(tmp_path / "s", "B", fresh=True), authority()
    first.start(at(0))
    first.handle(asked(Register, "a"), FIRST, at(1))
    store.save(first, ["a"])
    store.close()
    damaged(tmp_path / "s", how)
    with pytest.raises(StoreError, match=r"\w") as told:
        Store(tmp_path / "s", "B", fresh=False).load()
    assert not isinstance(told.value, CannotWriteError)


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    store, first = Store(tmp_path / "s", "B", fresh=True), authority()
    first.start(at(0))
    store._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(CannotWriteError, match="readonly"):
        store.save(first, [])
    with pytest.raises(CannotWriteError, match="readonly"):
        store.use_serial(3)
    store.close()


def test_a_disk_that_is_full_is_no_damage(tmp_path: Path) -> None:
    store, first = Store(tmp_path / "s", "B", fresh=True), authority()
    first.start(at(0))
    names = [f"n{number}" for number in range(60)]
    for name in names:
        first.handle(asked(Register, name), FIRST, at(1))
    # What does not fit any more fails as on a full disk.
    store._connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(CannotWriteError, match="full"):
        store.save(first, names)
    store.close()


def test_nor_is_one_on_which_nothing_can_be_written(tmp_path: Path) -> None:
    store, first = Store(tmp_path / "s", "B", fresh=True), authority()
    first.start(at(0))
    first.handle(asked(Register, "a"), FIRST, at(1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(CannotWriteError, match="disk I/O error"):
            store.save(first, ["a"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    store.close()


def test_saving_is_all_or_nothing(tmp_path: Path) -> None:
    store, first = Store(tmp_path / "s", "B", fresh=True), authority()
    first.start(at(0))
    first.handle(asked(Register, "a"), FIRST, at(1))
    # The second installation's answer cannot be stored: the first one's slot is not stored either.
    store._connection.execute("CREATE TRIGGER t BEFORE INSERT ON answers BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(StoreError, match="full"):
        store.save(first, ["a"])
    store._connection.execute("ROLLBACK")
    assert store.load().slots == ()
    store.close()


def test_a_first_start_that_was_cut_off_leaves_nothing_half_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The program is killed as it is about to say whose the tables are.
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "_fact", killed)
    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path / "s", "B", fresh=True)
    monkeypatch.undo()
    Store(tmp_path / "s", "B", fresh=True).close()
