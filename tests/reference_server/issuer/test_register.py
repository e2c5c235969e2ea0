"""The issuer's register: one bundle a licence, one server a machine, one use of a description (R014 to R016, R129)."""

from __future__ import annotations

import io
import sqlite3
import threading
import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reference_server.bundle import FOLDER_NAME, IssuedLicence, Receipt, read_licence
from reference_server.issuer import register as register_module
from reference_server.issuer.application import Application
from reference_server.issuer.register import Register, RegisterError
from reference_server.machine.rif import Rif
from reference_server.sealed import Sealer, new_key
from tests.reference_server.issuer.applications import CONTRACT, NOW, mail, read, rif_of

HOUR = timedelta(hours=1)


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(tmp_path / "issuer.sqlite3")


def applied(rif: Rif, receipt: bytes | None = None, *, other: bool = False) -> Application:
    """Return a right application, by the first contract or the ``other`` one."""
    if not other:
        return read(mail(rif.to_bytes(), receipt=receipt))
    fields = {"Company name": "Other Ltd", "Contract signing date": "2026/01/16"}
    subject = "Other Ltd Registration for FineDataLink Official Authorization File"
    return read(mail(rif.to_bytes(), receipt=receipt, sender="it@other.example", subject=subject, fields=fields))


def made_by(register: Register, application: Application, at: datetime = NOW, **grants: Any) -> bytes:
    """Issue a bundle, and return its archive."""
    made: list[bytes] = []
    issued = register.issue(application, at, made.append, **grants)
    assert application.findings == []
    assert issued == licence_in(made[0])
    return made[0]


def issue(register: Register, application: Application, at: datetime = NOW) -> IssuedLicence:
    """Issue a bundle, and return the licence in it."""
    return licence_in(made_by(register, application, at))


def changed(register: Register, **changes: Any) -> bytes:
    """Change the licence, and return the archive."""
    made: list[bytes] = []
    register.change("C-17", made.append, **changes)
    return made[0]


def licence_in(made: bytes) -> IssuedLicence:
    with zipfile.ZipFile(io.BytesIO(made)) as packed:
        return read_licence(packed.read(f"{FOLDER_NAME}/licence.lic"))


def key_in(made: bytes) -> Sealer:
    with zipfile.ZipFile(io.BytesIO(made)) as packed:
        return Sealer(packed.read(f"{FOLDER_NAME}/receipt.key").decode().strip())


def receipt_of(register: Register, at: datetime, **wrong: str) -> bytes:
    """Return the receipt that the server of the live bundle writes as it is destroyed."""
    bundle = register.live(CONTRACT.number)
    fields = {
        "licence": bundle.licence.licence,
        "bundle": bundle.licence.bundle,
        "machine": bundle.licence.machine,
    }
    return Receipt(**(fields | wrong), destroyed=at).to_bytes(bundle.key)


def refusals(register: Register, application: Application) -> list[str]:
    register.examine(application)
    return [finding.rule for finding in application.findings]


def test_a_bundle_holds_what_was_applied_for(register: Register, tmp_path: Path) -> None:
    rif = rif_of(tmp_path)
    application = applied(rif)
    made = made_by(register, application, access_domains=("a.example",), access_ports=(8080,))
    found = licence_in(made)
    assert (found.licence, found.bundle, found.serial, found.company) == ("C-17", "C-17-1", 1, "Example Ltd")
    assert (found.machine, found.capacity, found.ranges) == (rif.machine.fingerprint, 2, application.ranges)
    assert (found.applications, found.expires, found.zone) == (("report1", "report2"), date(2027, 1, 14), "UTC")
    assert (found.access_domains, found.access_ports) == (("a.example",), (8080,))
    assert found.server_domain == "licence.example.com"
    assert found.server_key == key_in(made).public
    with zipfile.ZipFile(io.BytesIO(made)) as packed:
        modes = {
            each.filename.removeprefix(f"{FOLDER_NAME}/"): each.external_attr >> 16 & 0o777
            for each in packed.infolist()
        }
        note = packed.read(f"{FOLDER_NAME}/SIMULATED.txt")
    assert modes == {"bin/server": 0o755, "licence.lic": 0o644, "receipt.key": 0o600, "SIMULATED.txt": 0o644}
    assert b"can never authorize a real product" in note


def test_a_description_is_good_for_one_bundle(register: Register, tmp_path: Path) -> None:
    rif = rif_of(tmp_path)
    issue(register, applied(rif))
    assert refusals(register, applied(rif)) == ["R015"]


def test_the_same_machine_with_a_new_description_gets_a_bundle_that_replaces_the_old(
    register: Register, tmp_path: Path
) -> None:
    # The program was removed without a trace (Note 4): a new export of the same machine is what the document asks for.
    first = issue(register, applied(rif_of(tmp_path)))
    second = issue(register, applied(rif_of(tmp_path, at=NOW + HOUR)), NOW + 2 * HOUR)
    assert (first.bundle, second.bundle, second.replaces) == ("C-17-1", "C-17-2", ("C-17-1",))
    assert [(each.licence.bundle, each.state) for each in register.bundles()] == [
        ("C-17-1", "replaced"),
        ("C-17-2", "live"),
    ]


def test_a_description_from_before_the_last_bundle_is_an_old_one(register: Register, tmp_path: Path) -> None:
    # Two exports, and the first application used the second one.
    old = rif_of(tmp_path)
    issue(register, applied(rif_of(tmp_path)), NOW + HOUR)
    assert refusals(register, applied(old)) == ["R015"]
    assert refusals(register, applied(rif_of(tmp_path, at=NOW + HOUR))) == ["R015"]
    assert refusals(register, applied(rif_of(tmp_path, at=NOW + HOUR + timedelta(microseconds=1)))) == []


def test_what_the_issuer_changed_outlives_a_new_application(register: Register, tmp_path: Path) -> None:
    issue(register, applied(rif_of(tmp_path)))
    changed(register, suspended=True, expires=date(2028, 2, 29))
    again = issue(register, applied(rif_of(tmp_path, at=NOW + HOUR)), NOW + 2 * HOUR)
    assert (again.suspended, again.expires, again.serial) == (True, date(2028, 2, 29), 1)


def test_a_machine_has_one_authorization_server(register: Register, tmp_path: Path) -> None:
    issue(register, applied(rif_of(tmp_path)))
    assert refusals(register, applied(rif_of(tmp_path, at=NOW + HOUR), other=True)) == ["R014"]
    assert issue(register, applied(rif_of(tmp_path, "two"), other=True)).licence == "C-18"


# Another machine: against a receipt alone.


def test_another_machine_needs_the_receipt_of_the_old_one(register: Register, tmp_path: Path) -> None:
    issue(register, applied(rif_of(tmp_path)))
    assert refusals(register, applied(rif_of(tmp_path, "two", NOW + HOUR))) == ["R127"]
    receipt = receipt_of(register, NOW)
    moved = issue(register, applied(rif_of(tmp_path, "two", NOW + HOUR), receipt), NOW + HOUR)
    assert moved.bundle == "C-17-2"
    assert [each.state for each in register.bundles()] == ["destroyed", "live"]


def test_the_description_has_to_be_newer_than_the_receipt(register: Register, tmp_path: Path) -> None:
    issue(register, applied(rif_of(tmp_path)))
    receipt = receipt_of(register, NOW + HOUR)
    assert refusals(register, applied(rif_of(tmp_path, "two", NOW + HOUR), receipt)) == ["R128"]
    later = NOW + HOUR + timedelta(microseconds=1)
    assert refusals(register, applied(rif_of(tmp_path, "two", later), receipt)) == []


def test_a_receipt_has_to_be_genuine(register: Register, tmp_path: Path) -> None:
    issue(register, applied(rif_of(tmp_path)))
    two = rif_of(tmp_path, "two", NOW + HOUR)
    fields = {"licence": "C-17", "bundle": "C-17-1", "machine": rif_of(tmp_path).machine.fingerprint}
    forged = Receipt(**fields, destroyed=NOW).to_bytes(new_key())
    for receipt in (
        forged,
        b"nonsense",
        receipt_of(register, NOW, bundle="C-99-1"),
        receipt_of(register, NOW, machine="x"),
    ):
        assert refusals(register, applied(two, receipt)) == ["R126", "R127"]


def test_a_receipt_is_good_for_its_own_licence(register: Register, tmp_path: Path) -> None:
    issue(register, applied(rif_of(tmp_path)))
    receipt = receipt_of(register, NOW)
    assert refusals(register, applied(rif_of(tmp_path, "two", NOW + HOUR), receipt, other=True)) == ["R127"]


def test_a_destroyed_bundle_frees_its_machine_for_another_licence(register: Register, tmp_path: Path) -> None:
    issue(register, applied(rif_of(tmp_path)))
    receipt = receipt_of(register, NOW)
    issue(register, applied(rif_of(tmp_path, "two", NOW + HOUR), receipt), NOW + HOUR)
    assert refusals(register, applied(rif_of(tmp_path, "one", NOW + 2 * HOUR), other=True)) == []


# Changes.


def test_each_change_is_a_new_file_of_the_same_bundle(register: Register, tmp_path: Path) -> None:
    before = issue(register, applied(rif_of(tmp_path)))
    changes = [
        licence_in(changed(register, suspended=True)),
        licence_in(changed(register, expires=date(2028, 2, 29))),
        licence_in(changed(register, capacity=5)),
        licence_in(changed(register, suspended=False)),
    ]
    assert [each.serial for each in changes] == [2, 3, 4, 5]
    assert {each.bundle for each in changes} == {before.bundle}
    assert [(each.suspended, each.expires, each.capacity) for each in changes] == [
        (True, date(2027, 1, 14), 2),
        (True, date(2028, 2, 29), 2),
        (True, date(2028, 2, 29), 5),
        (False, date(2028, 2, 29), 5),
    ]
    # The key of the bundle stays, or its receipt would prove nothing.
    assert key_in(changed(register, capacity=6)).public == before.server_key


def test_what_is_not_live_cannot_be_changed(register: Register, tmp_path: Path) -> None:
    with pytest.raises(
        RegisterError, match="no live bundle of licence 'C-17', expected one of those that have: there is none"
    ):
        register.change("C-17", print, suspended=True)
    issue(register, applied(rif_of(tmp_path)))
    with pytest.raises(RegisterError, match="'C-71', expected one of those that have: C-17"):
        register.change("C-71", print, suspended=True)


def test_a_licence_is_never_shortened(register: Register, tmp_path: Path) -> None:
    issue(register, applied(rif_of(tmp_path)))
    with pytest.raises(RegisterError, match="found 2027-01-13, expected a day from 2027-01-14 on"):
        changed(register, expires=date(2027, 1, 13))


def test_what_cannot_be_delivered_is_not_recorded(register: Register, tmp_path: Path) -> None:
    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    rif = rif_of(tmp_path)
    with pytest.raises(OSError, match="No space"):
        register.issue(applied(rif), NOW, full)
    assert register.bundles() == []
    issue(register, applied(rif))
    with pytest.raises(OSError, match="No space"):
        register.change("C-17", full, suspended=True)
    assert [(each.licence.serial, each.licence.suspended) for each in register.bundles()] == [(1, False)]


def test_of_two_issuers_at_once_one_comes_first(register: Register, tmp_path: Path) -> None:
    # Two machines apply under one contract, and nobody has a receipt.
    told: list[tuple[bool, list[str]]] = []
    gate = threading.Barrier(2)

    def apply(name: str) -> None:
        application = applied(rif_of(tmp_path, name))
        own = Register(tmp_path / "issuer.sqlite3")
        gate.wait()
        issued = own.issue(application, NOW, lambda _: None)
        told.append((issued is not None, [finding.rule for finding in application.findings]))

    threads = [threading.Thread(target=apply, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [(False, ["R127"]), (True, [])]


def test_of_two_changes_at_once_none_is_lost(register: Register, tmp_path: Path) -> None:
    issue(register, applied(rif_of(tmp_path)))
    gate = threading.Barrier(2)

    def change(**what: Any) -> None:
        own = Register(tmp_path / "issuer.sqlite3")
        gate.wait()
        own.change("C-17", lambda _: None, **what)

    threads = [threading.Thread(target=change, kwargs=what) for what in ({"suspended": True}, {"capacity": 7})]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (bundle,) = register.bundles()
    assert (bundle.licence.serial, bundle.licence.suspended, bundle.licence.capacity) == (3, True, 7)


# The file.


def test_a_register_is_found_again(register: Register, tmp_path: Path) -> None:
    issue(register, applied(rif_of(tmp_path)))
    assert [each.licence.bundle for each in Register(tmp_path / "issuer.sqlite3").bundles()] == ["C-17-1"]


def test_a_register_that_was_cut_off_in_the_making_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = register_module._SCHEMA.split(";")[:2]
    monkeypatch.setattr(register_module, "_SCHEMA", ";".join([*cut, "this is no SQL"]))
    with pytest.raises(RegisterError, match="syntax error"):
        Register(tmp_path / "new")
    monkeypatch.undo()
    assert Register(tmp_path / "new").bundles() == []


def test_what_a_description_shows_is_told_without_a_contract_too(register: Register, tmp_path: Path) -> None:
    rif = rif_of(tmp_path)
    issue(register, applied(rif))
    unknown = read(mail(rif.to_bytes(), fields={"Company name": "Nobody"}, subject="Nobody Registration"))
    register.examine(unknown)
    assert {finding.rule for finding in unknown.findings if finding.refusal} == {"R054", "R015"}


def test_what_is_no_register_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("this is no database at all, whatever its length may be" * 20)
    with pytest.raises(RegisterError, match=r"text: .*; put the register's last good copy back"):
        Register(tmp_path / "text")
    with sqlite3.connect(tmp_path / "other") as other:
        other.execute("CREATE TABLE things (name TEXT)")
    other.close()
    with pytest.raises(RegisterError, match="other: found another kind of database"):
        Register(tmp_path / "other")
