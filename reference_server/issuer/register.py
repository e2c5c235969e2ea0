"""The issuer's register: every bundle, every machine description that was used, every receipt (R015, R127 to R129).

It is a SQLite file. From it follow the rules that one application alone cannot show: a machine description is good for
one bundle; a licence has at most one live bundle; one machine has at most one; a bundle moves to another machine only
against the receipt of the old server, and with a description that is newer than that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

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
PRAGMA user_version = 1;
"""


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
        with self._connected() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                connection.executescript(_SCHEMA)
            elif version != 1:
                raise RegisterError(f"{path}: found another kind of database, expected the issuer's register")

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self._path, isolation_level=None)
            try:
                connection.execute("PRAGMA synchronous = FULL")
                yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise RegisterError(f"{self._path}: {error}; put the register's last good copy back") from None

    def bundles(self) -> list[Bundle]:
        """Return every bundle, the oldest first."""
        with self._connected() as connection:
            rows = connection.execute("SELECT file, state, issued, key FROM bundles ORDER BY issued, bundle").fetchall()
        return [Bundle(read_licence(row[0]), row[1], datetime.fromisoformat(row[2]), Sealer(row[3])) for row in rows]

    def live(self, licence: str) -> Bundle:
        """Return the live bundle of ``licence``.

        :raises RegisterError: if it has none.
        """
        for bundle in self.bundles():
            if bundle.licence.licence == licence and bundle.state == "live":
                return bundle
        known = ", ".join(each.licence.licence for each in self.bundles() if each.state == "live") or "there is none"
        raise RegisterError(f"found no live bundle of licence {licence!r}, expected one of those that have: {known}")

    # Applications.

    def examine(self, application: Application) -> Receipt | None:
        """Add to an application what the register holds against it. Return its receipt, if it has a right one."""
        contract, rif = application.contract, application.rif
        bundles = self.bundles()
        receipt = self._receipt(application, bundles)
        if rif is None or contract is None:
            return receipt
        machine = rif.machine.fingerprint
        with self._connected() as connection:
            used = connection.execute("SELECT bundle FROM machine_files WHERE nonce = ?", (rif.nonce,)).fetchone()
        if used:
            application.refuse("attachment", "R015", f"the file that bundle {used[0]} was made for", "a new export")
        if receipt is not None and rif.exported <= receipt.destroyed:
            expected = f"one exported after {receipt.destroyed.isoformat()}, when the old server was destroyed"
            application.refuse("attachment", "R128", f"a file of {rif.exported.isoformat()}", expected)
        for bundle in bundles:
            issued = bundle.licence
            if bundle.state != "live" or (receipt is not None and receipt.bundle == issued.bundle):
                continue
            if issued.licence != contract.number and issued.machine == machine:
                found = f"a machine that has bundle {issued.bundle} of licence {issued.licence}"
                application.refuse("attachment", "R014", found, "a machine without another authorization server")
            if issued.licence == contract.number and issued.machine != machine:
                found = f"another machine than that of the live bundle {issued.bundle}, and no receipt of it"
                application.refuse("attachment", "R127", found, "the receipt.fr of the server that is being replaced")
        return receipt

    def _receipt(self, application: Application, bundles: list[Bundle]) -> Receipt | None:
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

    def issue(
        self,
        application: Application,
        receipt: Receipt | None,
        now: datetime,
        *,
        access_domains: tuple[str, ...] = (),
        access_ports: tuple[int, ...] = (),
    ) -> bytes:
        """Record a new bundle for an application that nothing stops, and return its archive.

        :param receipt: what `examine` returned for it.
        :param access_domains: what a grant is to name, for which an application has no field; ``access_ports`` alike.
        """
        assert not application.refused, "an application that is refused gets no bundle"
        contract, rif = application.contract, application.rif
        assert contract is not None, "without one it is refused"
        assert rif is not None, "without one it is refused"
        key = new_key()
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            if receipt is not None:
                state = ("destroyed", receipt.bundle)
                connection.execute("UPDATE bundles SET state = ? WHERE bundle = ?", state)
                row = (receipt.bundle, receipt.destroyed.isoformat())
                connection.execute("INSERT OR IGNORE INTO receipts VALUES (?, ?)", row)
            live = ("replaced", contract.number)
            connection.execute("UPDATE bundles SET state = ? WHERE licence = ? AND state = 'live'", live)
            old = connection.execute(
                "SELECT bundle FROM bundles WHERE machine = ? ORDER BY issued, bundle", (rif.machine.fingerprint,)
            ).fetchall()
            count = connection.execute("SELECT count(*) FROM bundles WHERE licence = ?", (contract.number,)).fetchone()
            licence = IssuedLicence(
                licence=contract.number,
                bundle=f"{contract.number}-{count[0] + 1}",
                serial=1,
                company=contract.company,
                machine=rif.machine.fingerprint,
                capacity=application.capacity,
                ranges=application.ranges,
                applications=application.applications,
                expires=contract.expires,
                zone=contract.zone,
                server_domain=application.server_domain,
                server_address=application.server_address,
                server_key=key.public,
                replaces=tuple(row[0] for row in old),
                access_domains=access_domains,
                access_ports=access_ports,
            )
            connection.execute(
                "INSERT INTO bundles VALUES (?, ?, ?, 'live', ?, ?, ?)",
                (
                    licence.bundle,
                    licence.licence,
                    licence.machine,
                    now.isoformat(),
                    key.private,
                    sealed_licence(licence),
                ),
            )
            used = (rif.nonce, licence.machine, licence.bundle)
            connection.execute("INSERT INTO machine_files VALUES (?, ?, ?)", used)
            connection.execute("COMMIT")
        return archive(licence, key)

    # Changes of what was issued.

    def change(
        self, licence: str, *, suspended: bool | None = None, expires: date | None = None, capacity: int | None = None
    ) -> bytes:
        """Record the next licence file of the live bundle of ``licence``, and return its archive.

        What is ``None`` stays as it is.

        :raises RegisterError: if the licence has no live bundle.
        """
        bundle = self.live(licence)
        before = bundle.licence
        after = replace(
            before,
            serial=before.serial + 1,
            suspended=before.suspended if suspended is None else suspended,
            expires=before.expires if expires is None else expires,
            capacity=before.capacity if capacity is None else capacity,
        )
        with self._connected() as connection:
            row = (sealed_licence(after), after.bundle)
            connection.execute("UPDATE bundles SET file = ? WHERE bundle = ?", row)
        return archive(after, bundle.key)
