"""The issuer's register: every bundle, every machine description that was used, every receipt (R015, R127 to R129).

It is a SQLite file. From it follow the rules that one application alone cannot show: a machine description is good for
one bundle; a licence has at most one live bundle; one machine has at most one; a bundle moves to another machine only
against the receipt of the old server, and with a description that is newer than that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TypeAlias

from reference_server.bundle import IssuedLicence, Receipt, archive, read_licence, read_receipt, sealed_licence
from reference_server.issuer.application import Application
from reference_server.sealed import Sealer, SealError, new_key, unverified

__all__ = ["Bundle", "Register", "RegisterError"]

_SCHEMA = """
CREATE TABLE bundles (
    bundle TEXT PRIMARY KEY,
    licence TEXT NOT NULL,
    machine TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('live', 'replaced', 'destroyed')),
    issued TEXT NOT NULL,
    key TEXT NOT NULL,
    file BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_live_bundle_of_a_licence ON bundles (licence) WHERE state = 'live';
CREATE UNIQUE INDEX one_live_bundle_on_a_machine ON bundles (machine) WHERE state = 'live';
CREATE TABLE machine_files (nonce TEXT PRIMARY KEY, machine TEXT NOT NULL, bundle TEXT NOT NULL) STRICT;
CREATE TABLE receipts (bundle TEXT PRIMARY KEY, destroyed TEXT NOT NULL) STRICT;
PRAGMA user_version = 1
"""


_Execute: TypeAlias = Callable[..., sqlite3.Cursor]


class RegisterError(Exception):
    """A register that cannot be used, or in which something is not found."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One bundle of the register. ``state`` is ``live``, ``replaced`` or ``destroyed``."""

    licence: IssuedLicence
    state: str
    issued: datetime
    key: Sealer


class Register:
    """The register in the file at ``path``, made if it is not there.

    :raises RegisterError: if there is a file that is no register.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._transaction() as execute:
            version = execute("PRAGMA user_version").fetchone()[0]
            if version == 0 and not execute("SELECT 1 FROM sqlite_master").fetchone():
                for statement in _SCHEMA.split(";"):
                    execute(statement)
            elif version != 1:
                raise RegisterError(f"{path}: found another kind of database, expected the issuer's register")

    @contextmanager
    def _transaction(self) -> Iterator[_Execute]:
        """One transaction: what is read in it stays true until it is over, and all of it happens or nothing."""
        try:
            connection = sqlite3.connect(self._path, isolation_level=None, timeout=60)
            try:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                yield connection.execute
                connection.execute("COMMIT")
            finally:
                connection.close()  # What was not committed is rolled back.
        except sqlite3.Error as error:
            raise RegisterError(f"{self._path}: {error}; put the register's last good copy back") from None

    def bundles(self) -> list[Bundle]:
        """Return every bundle, the oldest first."""
        with self._transaction() as execute:
            return _bundles(execute)

    def live(self, licence: str) -> Bundle:
        """Return the live bundle of ``licence``.

        :raises RegisterError: if it has none.
        """
        return _live(self.bundles(), licence)

    # Applications.

    def examine(self, application: Application) -> None:
        """Add to an application what the register holds against it."""
        with self._transaction() as execute:
            _examine(execute, application)

    def issue(
        self,
        application: Application,
        now: datetime,
        deliver: Callable[[bytes], None],
        *,
        access_domains: tuple[str, ...] = (),
        access_ports: tuple[int, ...] = (),
    ) -> IssuedLicence | None:
        """Record a new bundle for an application, unless something stops it; ``None`` then, with the reasons added.

        What the issuer has changed since the licence was first issued stays: a suspension, a later last day.

        :param deliver: takes the archive; nothing is recorded if it fails.
        :param access_domains: what a grant is to name, for which an application has no field; ``access_ports`` alike.
        """
        with self._transaction() as execute:
            receipt = _examine(execute, application)
            contract, rif = application.contract, application.rif
            if application.refused or contract is None or rif is None:
                return None
            if receipt is not None:
                execute("UPDATE bundles SET state = 'destroyed' WHERE bundle = ?", (receipt.bundle,))
                row = (receipt.bundle, receipt.destroyed.isoformat())
                execute("INSERT OR IGNORE INTO receipts VALUES (?, ?)", row)
            before = [each.licence for each in _bundles(execute)]
            execute("UPDATE bundles SET state = 'replaced' WHERE licence = ? AND state = 'live'", (contract.number,))
            own = [each for each in before if each.licence == contract.number]
            expires = contract.expires
            if own and expires is not None and own[-1].expires is not None:
                expires = max(expires, own[-1].expires)
            key = new_key()
            licence = IssuedLicence(
                licence=contract.number,
                bundle=f"{contract.number}-{len(own) + 1}",
                serial=1,
                company=contract.company,
                machine=rif.machine.fingerprint,
                capacity=application.capacity,
                ranges=application.ranges,
                applications=application.applications,
                access_domains=access_domains,
                access_ports=access_ports,
                expires=expires,
                zone=contract.zone,
                suspended=bool(own) and own[-1].suspended,
                server_domain=application.server_domain,
                server_address=application.server_address,
                server_key=key.public,
                replaces=tuple(each.bundle for each in before if each.machine == rif.machine.fingerprint),
            )
            file = sealed_licence(licence)
            assert read_licence(file) == licence, "what is recorded can be read again"
            kept = (licence.bundle, licence.licence, licence.machine, now.isoformat(), key.private, file)
            execute("INSERT INTO bundles VALUES (?, ?, ?, 'live', ?, ?, ?)", kept)
            execute("INSERT INTO machine_files VALUES (?, ?, ?)", (rif.nonce, licence.machine, licence.bundle))
            deliver(archive(licence, key))
        return licence

    # Changes of what was issued.

    def change(
        self,
        licence: str,
        deliver: Callable[[bytes], None],
        *,
        suspended: bool | None = None,
        expires: date | None = None,
        capacity: int | None = None,
    ) -> IssuedLicence:
        """Record the next licence file of the live bundle of ``licence``. What is ``None`` stays as it is.

        :param deliver: takes the archive; nothing is recorded if it fails.
        :raises RegisterError: if the licence has no live bundle, or would end sooner than it does.
        """
        with self._transaction() as execute:
            bundle = _live(_bundles(execute), licence)
            before = bundle.licence
            if expires is not None and before.expires is not None and expires < before.expires:
                raise RegisterError(
                    f"found {expires}, expected a day from {before.expires} on, when {licence} ends now"
                )
            after = replace(
                before,
                serial=before.serial + 1,
                suspended=before.suspended if suspended is None else suspended,
                expires=before.expires if expires is None else expires,
                capacity=before.capacity if capacity is None else capacity,
            )
            file = sealed_licence(after)
            assert read_licence(file) == after, "what is recorded can be read again"
            execute("UPDATE bundles SET file = ? WHERE bundle = ?", (file, after.bundle))
            deliver(archive(after, bundle.key))
        return after


def _bundles(execute: _Execute) -> list[Bundle]:
    rows = execute("SELECT file, state, issued, key FROM bundles ORDER BY issued, rowid").fetchall()
    return [Bundle(read_licence(row[0]), row[1], datetime.fromisoformat(row[2]), Sealer(row[3])) for row in rows]


def _live(bundles: list[Bundle], licence: str) -> Bundle:
    live = [bundle for bundle in bundles if bundle.state == "live"]
    for bundle in live:
        if bundle.licence.licence == licence:
            return bundle
    known = ", ".join(bundle.licence.licence for bundle in live) or "there is none"
    raise RegisterError(f"found no live bundle of licence {licence!r}, expected one of those that have: {known}")


def _examine(execute: _Execute, application: Application) -> Receipt | None:
    """Add to an application what the register holds against it. Return its receipt, if it has a right one."""
    contract, rif = application.contract, application.rif
    bundles = _bundles(execute)
    receipt = _receipt(application, bundles)
    if rif is None:
        return receipt
    machine = rif.machine.fingerprint
    used = execute("SELECT bundle FROM machine_files WHERE nonce = ?", (rif.nonce,)).fetchone()
    if used:
        application.refuse("attachment", "R015", f"the file that bundle {used[0]} was made for", "a new export")
    issued = [bundle.issued for bundle in bundles if bundle.licence.machine == machine]
    if issued and not used and rif.exported <= issued[-1]:
        expected = f"one exported after {issued[-1].isoformat()}, when this machine was given a bundle"
        application.refuse("attachment", "R015", f"a file of {rif.exported.isoformat()}", expected)
    if receipt is not None and rif.exported <= receipt.destroyed:
        expected = f"one exported after {receipt.destroyed.isoformat()}, when the old server was destroyed"
        application.refuse("attachment", "R128", f"a file of {rif.exported.isoformat()}", expected)
    for bundle in bundles:
        licence = bundle.licence
        if contract is None or bundle.state != "live" or (receipt is not None and receipt.bundle == licence.bundle):
            continue
        other = licence.licence != contract.number
        if other and licence.machine == machine:
            found = f"a machine that has bundle {licence.bundle} of licence {licence.licence}"
            application.refuse("attachment", "R014", found, "a machine without another authorization server")
        if not other and licence.machine != machine:
            found = f"another machine than that of the live bundle {licence.bundle}, and no receipt of it"
            application.refuse("attachment", "R127", found, "the receipt.fr of the server that is being replaced")
    return receipt


def _receipt(application: Application, bundles: list[Bundle]) -> Receipt | None:
    if application.receipt is None:
        return None
    try:
        about = unverified(application.receipt, "receipt")["body"].get("bundle")
        known = next((bundle for bundle in bundles if bundle.licence.bundle == about), None)
        if known is None:
            raise SealError("it is about no bundle of this issuer")
        receipt = read_receipt(application.receipt, known.key.public)
        if receipt.machine != known.licence.machine:
            raise SealError("it is about another machine")
    except SealError as error:
        application.refuse("attachment", "R126", f"a receipt.fr that proves nothing ({error})", "a genuine one")
        return None
    contract = application.contract
    if contract is not None and receipt.licence != contract.number:
        found = f"a receipt of licence {receipt.licence}"
        application.refuse("attachment", "R127", found, f"one of licence {contract.number}")
        return None
    return receipt
