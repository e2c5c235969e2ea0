"""A service: bytes in, bytes out, and between two requests a licence file and a machine that may have changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from reference_server.authority import Authority
from reference_server.bundle import LICENCE_NAME, IssuedLicence
from reference_server.machine.identity import this_machine
from reference_server.program.service import LicenceFile, Service
from reference_server.program.store import Store
from reference_server.protocol import Grant, Instant, Poll, Refusal, Register, Unbind, decode_answer
from reference_server.readings import LITERAL
from tests.programs import FIRST, LAST, licence, machine, request, unpacked, use_file
from tests.reference_server.bench import DAY, EPOCH, HOUR


class Bench:
    """A service on a machine, with clocks that the test sets."""

    def __init__(self, folder: Path, **issued: object) -> None:
        self.root = machine(folder / "m")
        self.licence = licence(self.root, **issued)
        self.bundle = unpacked(folder / "b", self.licence)
        self.store = Store(folder / "s", self.licence.bundle, fresh=True)
        self.now_us = 0
        authority = Authority(self.licence.as_licence(), LITERAL)
        authority.start(self.clock())
        file = LicenceFile(self.bundle / LICENCE_NAME)
        self.service = Service(authority, self.store, file, self.clock, lambda: this_machine(self.root).fingerprint)

    def clock(self) -> Instant:
        return Instant(self.now_us, EPOCH + self.now_us)

    def told(self, body: bytes, source: str = "127.0.0.1") -> tuple[int, str]:
        """Ask, and return the status and what the answer was."""
        answered = self.service.respond(body, source)
        answer = decode_answer(answered.body)
        return answered.status, str(answer.code) if isinstance(answer, Refusal) else type(answer).__name__


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


def test_a_service_grants_refuses_and_releases(bench: Bench) -> None:
    assert bench.told(request(Register, "a")) == (200, "Grant")
    assert bench.told(request(Register, "b")) == (200, "Grant")
    assert bench.told(request(Register, "c")) == (403, "30007")
    assert bench.told(request(Unbind, "a", 2)) == (200, "Release")
    assert bench.told(request(Unbind, "a", 3)) == (403, "20000")
    assert bench.told(b"{}") == (400, "10001")
    assert bench.told(b"{") == (400, "10000")


@pytest.mark.parametrize(
    ("reported", "source", "told"),
    [
        (FIRST, "127.0.0.1", "Grant"),
        (LAST, "127.0.0.99", "Grant"),
        (FIRST, "127.0.0.2", "30003"),  # translated on the way
        (LAST + 1, "127.0.0.100", "30003"),
        (FIRST, "::ffff:127.0.0.1", "Grant"),
        (FIRST, "::1", "30003"),
        (FIRST, "", "30003"),
        (FIRST, "a name", "30003"),
    ],
)
def test_the_source_of_the_packet_counts(bench: Bench, reported: int, source: str, told: str) -> None:
    assert bench.told(request(Register, "a", address=reported), source)[1] == told


def test_an_answer_is_stored_before_it_is_given(bench: Bench) -> None:
    bench.told(request(Register, "a"))
    bench.told(request(Register, "b"))
    bench.told(request(Register, "c"))
    stored = bench.store.load()
    assert [row.installation for row in stored.slots] == ["a", "b"]
    assert [row.request.installation for row in stored.answers] == ["a", "b", "c"]
    bench.told(b"nonsense")
    assert bench.store.load() == stored


def test_a_slot_that_time_takes_is_gone_from_the_store(bench: Bench) -> None:
    bench.told(request(Register, "a"))
    bench.now_us = DAY + 1
    bench.told(request(Register, "b"))
    assert [row.installation for row in bench.store.load().slots] == ["b"]
    bench.now_us = 2 * DAY + 2
    assert bench.service.status()["registered"] == 0
    assert bench.store.load().slots == ()


# A newer licence file.


def newer(change: Callable[[IssuedLicence], IssuedLicence], bench: Bench, serial: int = 2) -> None:
    use_file(bench.bundle, replace(change(bench.licence), serial=serial))


def test_a_newer_file_takes_effect_with_the_next_request_and_keeps_the_slots(bench: Bench) -> None:
    bench.told(request(Register, "a"))
    newer(lambda licence: replace(licence, suspended=True), bench)
    assert bench.told(request(Poll, "a", 2)) == (403, "30002")
    newer(lambda licence: replace(licence, expires=date(2026, 2, 28)), bench, 3)
    assert bench.told(request(Poll, "a", 3)) == (403, "30000")
    newer(lambda licence: replace(licence, capacity=1), bench, 4)
    assert bench.told(request(Poll, "a", 4)) == (200, "Grant")
    assert bench.told(request(Register, "b", 1)) == (403, "30007")
    newer(lambda licence: replace(licence, capacity=3), bench, 5)
    assert bench.told(request(Register, "b", 2)) == (200, "Grant")
    assert bench.store.serial == 5


def test_holders_above_a_lowered_capacity_keep_their_slots(bench: Bench) -> None:
    for who in "ab":
        bench.told(request(Register, who))
    newer(lambda licence: replace(licence, capacity=1), bench)
    assert [bench.told(request(Poll, who, 2))[1] for who in "ab"] == ["Grant", "Grant"]
    bench.told(request(Unbind, "a", 3))
    # One is left, and one is the capacity: nobody else gets in.
    assert bench.told(request(Register, "c"))[1] == "30007"


@pytest.mark.parametrize("how", ["an older file", "another bundle", "a broken seal", "gone"])
def test_a_file_that_is_not_the_issuers_next_one_licenses_nothing(bench: Bench, how: str) -> None:
    bench.told(request(Register, "a"))
    newer(lambda licence: licence, bench, 5)
    assert bench.told(request(Poll, "a", 2))[1] == "Grant"
    path = bench.bundle / LICENCE_NAME
    if how == "an older file":
        newer(lambda licence: licence, bench, 4)
    elif how == "another bundle":
        newer(lambda licence: replace(licence, bundle="L-1-2"), bench, 6)
    elif how == "a broken seal":
        path.write_bytes(path.read_bytes().replace(b'"capacity": 2', b'"capacity": 9'))
    else:
        path.unlink()
    # No code of the table: "Incorrect License Format".
    assert bench.told(request(Poll, "a", 3)) == (403, "0")
    newer(lambda licence: licence, bench, 6)
    assert bench.told(request(Poll, "a", 4))[1] == "Grant"


def test_a_machine_that_changes_under_the_program_is_noticed_at_once(bench: Bench) -> None:
    bench.told(request(Register, "a"))
    card = bench.root / "sys/class/net/eth0/address"
    before = card.read_text()
    card.write_text("02:00:00:00:00:02\n")
    assert bench.told(request(Poll, "a", 2)) == (403, "0")
    card.write_text(before)
    assert bench.told(request(Poll, "a", 3))[1] == "Grant"


def test_a_machine_whose_identity_cannot_be_read_is_not_the_licensed_one(bench: Bench) -> None:
    bench.told(request(Register, "a"))
    path = bench.root / "etc/machine-id"
    before = path.read_text()
    path.unlink()
    assert bench.told(request(Poll, "a", 2)) == (403, "0")
    path.write_text(before)
    assert bench.told(request(Poll, "a", 3))[1] == "Grant"


def test_a_file_that_was_away_for_a_moment_is_the_same_when_it_is_back(bench: Bench) -> None:
    bench.told(request(Register, "a"))
    path = bench.bundle / LICENCE_NAME
    path.rename(bench.bundle / "away")
    assert bench.told(request(Poll, "a", 2)) == (403, "0")
    (bench.bundle / "away").rename(path)
    assert bench.told(request(Poll, "a", 3))[1] == "Grant"


# The status.


def test_the_status_counts(bench: Bench) -> None:
    bench.told(request(Register, "a"))
    bench.now_us = HOUR
    bench.told(request(Register, "b"))
    bench.told(request(Register, "c"))
    bench.told(b"nonsense")
    bench.now_us = 2 * HOUR
    status = bench.service.status()
    assert json.loads(json.dumps(status)) == {
        "simulated": True,
        "licence": "L-1",
        "bundle": "L-1-1",
        "registered": 2,
        "capacity": 2,
        "suspended": False,
        "expires": None,
        "answers": {"positive": 2, "refused": {"10000": 1, "30007": 1}},
        "nodes": {"a": {"silent_seconds": 7200}, "b": {"silent_seconds": 3600}},
    }
    bench.told(request(Unbind, "b", 2))
    assert list(bench.service.status()["nodes"]) == ["a"]


def test_a_grant_is_that_of_the_licence(bench: Bench) -> None:
    answer = decode_answer(bench.service.respond(request(Register, "a"), "127.0.0.1").body)
    assert isinstance(answer, Grant)
    assert (answer.capacity, answer.details) == (2, bench.licence.as_licence().details)
