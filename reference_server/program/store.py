"""The store of a server program: what has to be found again after it ended, in a SQLite file.

Write-ahead log and full synchronization: when `save` returns, what it saved survives the end of the program and of the
machine. The program answers after that, so an answer that was sent is never forgotten.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from reference_server.authority import Authority
from reference_server.protocol import decode_answer, decode_request, encode_answer, encode_request
from reference_server.stored import AnswerRow, SlotRow, Stored

__all__ = ["CannotWriteError", "Store", "StoreError"]

_VERSION = 1
_UNWRITTEN = (
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
)
_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE slots (
    installation TEXT PRIMARY KEY,
    address INTEGER NOT NULL,
    cluster TEXT,
    stored_us INTEGER NOT NULL,
    excused_us INTEGER NOT NULL
) STRICT;
CREATE TABLE answers (
    installation TEXT NOT NULL,
    age INTEGER NOT NULL,
    request BLOB NOT NULL,
    source INTEGER NOT NULL,
    answer BLOB NOT NULL,
    PRIMARY KEY (installation, age)
) STRICT
"""


class StoreError(Exception):
    """A file that is no store, or one that is damaged or cannot be written. The message says why."""


class CannotWriteError(StoreError):
    """There may be nothing wrong with the file: the disk is full, or does not let it be written."""


def _told(error: Exception) -> StoreError:
    """Return what is raised for an ``error`` of SQLite, or of a row that cannot be read."""
    code = getattr(error, "sqlite_errorcode", 0)
    cannot_write = code in _UNWRITTEN or code & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY)
    return (CannotWriteError if cannot_write else StoreError)(str(error))


class Store:
    """The store in the file at ``path``.

    :param fresh: make the file; otherwise it has to be there.
    :raises StoreError: if it cannot be used.
    """

    def __init__(self, path: Path, bundle: str, *, fresh: bool) -> None:
        self._bundle = bundle
        try:
            # One thread at a time uses it; which one that is, is the server's business.
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            with ExitStack() as unusable:
                unusable.callback(self._connection.close)
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                version = self._connection.execute("PRAGMA user_version").fetchone()[0]
                if version == 0 and fresh:
                    self._make()
                self._check()
                unusable.pop_all()
        except sqlite3.Error as error:
            raise _told(error) from None

    def _make(self) -> None:
        """Make the tables, and say whose they are, all or nothing."""
        make = self._connection.execute
        make("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";"):
            make(statement)
        self._fact("bundle", self._bundle)
        make(f"PRAGMA user_version = {_VERSION}")
        make("COMMIT")

    def _check(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version != _VERSION:
            raise StoreError(f"it is of version {version}, and this program reads version {_VERSION}")
        trouble = self._connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if trouble != "ok":
            raise StoreError(trouble)
        row = self._connection.execute("SELECT value FROM facts WHERE name = 'bundle'").fetchone()
        if row != (self._bundle,):
            raise StoreError("it is that of another bundle")

    def _fact(self, name: str, value: object) -> None:
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, str(value)))

    def _fact_of(self, name: str) -> int | None:
        row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    @property
    def serial(self) -> int:
        """The number of the newest licence file that the program has used, 0 if none."""
        try:
            return self._fact_of("serial") or 0
        except (sqlite3.Error, ValueError) as error:
            raise _told(error) from None

    def use_serial(self, serial: int) -> None:
        """Remember the number of the licence file in use."""
        try:
            self._fact("serial", serial)
        except sqlite3.Error as error:
            raise _told(error) from None

    def load(self) -> Stored:
        """Return what is stored.

        :raises StoreError: if it cannot be read.
        """
        read = self._connection.execute
        try:
            date_us = self._fact_of("date_us")
            slots = read("SELECT * FROM slots ORDER BY installation").fetchall()
            answers = read("SELECT request, source, answer FROM answers ORDER BY installation, age").fetchall()
            return Stored(
                date_us=-(1 << 62) if date_us is None else date_us,
                slots=tuple(SlotRow(*row) for row in slots),
                answers=tuple(
                    AnswerRow(decode_request(request), source, decode_answer(answer))
                    for request, source, answer in answers
                ),
            )
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise _told(error) from None

    def save(self, authority: Authority, installations: Iterable[str]) -> None:
        """Store what ``authority`` holds of ``installations``, and its date, all or nothing.

        :raises StoreError: if that fails; the program must not answer then.
        """
        write = self._connection.execute
        try:
            write("BEGIN IMMEDIATE")
            self._fact("date_us", authority.date_us)
            for installation in installations:
                slot = authority.slot_row(installation)
                write("DELETE FROM slots WHERE installation = ?", (installation,))
                if slot is not None:
                    write("INSERT INTO slots VALUES (?, ?, ?, ?, ?)", slot)
                write("DELETE FROM answers WHERE installation = ?", (installation,))
                for age, row in enumerate(authority.answer_rows(installation)):
                    kept = (installation, age, encode_request(row.request), row.source, encode_answer(row.answer))
                    write("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", kept)
            write("COMMIT")
        except sqlite3.Error as error:
            raise _told(error) from None

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
