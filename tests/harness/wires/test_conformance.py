"""Every wire does what the world expects of one, whatever is behind it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.wires import WIRES, Unfit, Wire, WithDisk, wire_named
from harness.wires.installed import scratch
from harness.wires.process import ProcessWire, ProgramError
from reference_server.authority import Authority
from reference_server.licence import Licence
from reference_server.protocol import (
    Answer,
    Code,
    Grant,
    Instant,
    Poll,
    ProtocolError,
    Refusal,
    Register,
    Release,
    Request,
    Unbind,
)
from reference_server.readings import LITERAL

#: Sunday, 2026-03-01, in microseconds.
START = 1_772_323_200_000_000
HOUR = 3_600_000_000
DAY = 24 * HOUR
FIRST = 0xC0A86419
LICENCE = Licence(capacity=2, ranges=((FIRST, FIRST + 9),))

PROGRAMS = ("tls", "netns")


def at(now_us: int) -> Instant:
    return Instant(now_us, START + now_us)


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.wire(name)] * (name in PROGRAMS)) for name in WIRES])
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    made = wire_named(request.param)(Authority, LICENCE, LITERAL)
    yield made
    made.close()


@pytest.fixture
def running(wire: Wire) -> Wire:
    assert wire.start(at(0), downtime_us=0).runs
    return wire


def asked(kind: type[Register | Poll | Unbind], who: str, number: int = 1, address: int = FIRST) -> Request:
    return kind(number=number, installation=who, address=address, application="report1")


def told(wire: Wire, request: Request | bytes, now_us: int, source: int = FIRST) -> Answer | None:
    return wire.ask(request, source, at(now_us)).answer


def test_an_answer_is_that_of_the_instant_and_of_the_source(running: Wire) -> None:
    granted = told(running, asked(Register, "a"), 5_000)
    assert isinstance(granted, Grant)
    # To the microsecond, whichever that is.
    assert (granted.server_time_us, granted.capacity, granted.details) == (START + 5_000, 2, LICENCE.details)
    later = told(running, asked(Poll, "a", 2), 2 * HOUR + 1)
    assert isinstance(later, Grant)
    assert later.server_time_us == START + 2 * HOUR + 1
    assert running.registered(at(2 * HOUR + 1)) == 1
    translated = told(running, asked(Register, "b"), 2 * HOUR + 2, FIRST + 1)
    assert isinstance(translated, Refusal)
    assert translated.code == 30003
    assert isinstance(told(running, asked(Unbind, "a", 3), 3 * HOUR), Release)
    assert running.registered(at(3 * HOUR)) == 0


def test_bytes_that_are_no_request(running: Wire) -> None:
    for body, code in ((b"{", 10000), (b"{}", 10001)):
        answer = told(running, body, 5_000)
        assert isinstance(answer, Refusal)
        assert (answer.code, answer.number) == (code, 0)


def test_what_was_granted_outlives_a_stop_and_a_day_does_not(running: Wire) -> None:
    told(running, asked(Register, "a"), 5_000)
    running.stop(at(HOUR))
    assert running.start(at(5_000 + DAY), downtime_us=DAY - HOUR).runs
    assert running.registered(at(5_000 + DAY)) == 1
    assert isinstance(told(running, asked(Poll, "a", 2), 5_000 + DAY), Grant)
    running.stop(at(2 * DAY))
    assert running.start(at(5_000 + 2 * DAY + 1), downtime_us=DAY).runs
    assert running.registered(at(5_000 + 2 * DAY + 1)) == 0
    assert isinstance(told(running, asked(Poll, "a", 3), 5_000 + 2 * DAY + 1), Refusal)


def test_a_slot_is_void_at_its_instant_and_not_before(running: Wire) -> None:
    told(running, asked(Register, "a"), 5_000)
    running.expire(5_000 + DAY)
    assert running.registered(at(5_000 + DAY)) == 1
    running.expire(5_000 + DAY + 1)
    assert running.registered(at(5_000 + DAY + 1)) == 0


def test_a_copy_of_a_request_gets_the_same_answer_after_a_restart_too(running: Wire) -> None:
    first = told(running, asked(Register, "a"), 5_000)
    running.stop(at(HOUR))
    running.start(at(2 * HOUR), downtime_us=HOUR)
    assert told(running, asked(Register, "a"), 3 * HOUR) == first


def test_a_new_licence_file_counts_at_once(running: Wire) -> None:
    running.use(Licence(capacity=2, ranges=LICENCE.ranges, suspended=True))
    suspended = told(running, asked(Register, "a"), 5_000)
    assert isinstance(suspended, Refusal)
    assert suspended.code == 30002
    running.use(LICENCE)
    assert isinstance(told(running, asked(Register, "a", 2), 6_000), Grant)


def test_a_machine_that_is_another_one(running: Wire) -> None:
    running.drift(True)
    refused = told(running, asked(Register, "a"), 5_000)
    assert isinstance(refused, Refusal)
    assert refused.code == 0
    running.stop(at(HOUR))
    assert not running.start(at(2 * HOUR), downtime_us=HOUR).runs
    # A licence that comes meanwhile is still one for the machine that was licensed.
    running.use(LICENCE)
    running.drift(False)
    assert running.start(at(3 * HOUR), downtime_us=2 * HOUR).runs
    assert isinstance(told(running, asked(Register, "a", 2), 3 * HOUR), Grant)


def test_there_is_one_program_on_a_machine(running: Wire) -> None:
    assert not running.second(at(HOUR))
    assert isinstance(told(running, asked(Register, "a"), 2 * HOUR), Grant)


def test_an_earlier_state_can_be_put_back(running: Wire) -> None:
    told(running, asked(Register, "a"), 5_000)
    image = running.image()
    told(running, asked(Register, "b", address=FIRST + 1), 6_000, FIRST + 1)
    assert running.registered(at(7_000)) == 2
    running.stop(at(HOUR))
    changes = running.put_back(image)
    assert [(change.kind.name, change.installation) for change in changes] == [("LOST", "b")] * running.sees_slots
    running.start(at(2 * HOUR), downtime_us=HOUR)
    assert running.registered(at(2 * HOUR)) == 1
    assert isinstance(told(running, asked(Poll, "b", 2, FIRST + 1), 2 * HOUR, FIRST + 1), Refusal)


def test_a_destroyed_server_never_runs_again(running: Wire) -> None:
    told(running, asked(Register, "a"), 5_000)
    changes = running.destroy()
    assert [(change.kind.name, change.live) for change in changes] == [("DROPPED", 0)] * running.sees_slots
    assert not running.start(at(HOUR), downtime_us=HOUR).runs


def test_a_stopped_server_can_be_destroyed(running: Wire) -> None:
    running.stop(at(HOUR))
    running.destroy()
    assert not running.start(at(2 * HOUR), downtime_us=HOUR).runs


@pytest.mark.wire("tls")
def test_a_real_program_on_a_drifted_machine_refuses_to_be_destroyed() -> None:
    made = wire_named("tls")(Authority, LICENCE, LITERAL)
    made.start(at(0), downtime_us=0)
    made.drift(True)
    with pytest.raises(Unfit, match="refuses -destroy, too"):
        made.destroy()
    made.close()


# A disk that is full.


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.wire(name)) for name in PROGRAMS])
def program(request: pytest.FixtureRequest) -> Iterator[ProcessWire]:
    """A real program that runs and has granted a slot."""
    made = wire_named(request.param)(Authority, LICENCE, LITERAL)
    assert isinstance(made, ProcessWire)
    assert made.start(at(0), downtime_us=0).runs
    told(made, asked(Register, "a"), 5_000)
    yield made
    made.close()


def test_a_program_that_cannot_store_ends_without_an_answer_and_forgets_nothing(program: ProcessWire) -> None:
    assert isinstance(program, WithDisk)
    program.fill(True)
    # There is nothing to store of what is no request, nor of a question about the slots.
    assert isinstance(told(program, b"{", 6_000), Refusal)
    assert program.registered(at(7_000)) == 1
    program.ask_in_vain(asked(Register, "b", address=FIRST + 1), FIRST + 1, at(8_000))
    program.stop(at(8_000))
    assert not program.start(at(HOUR), downtime_us=HOUR).runs
    program.fill(False)
    assert program.start(at(2 * HOUR), downtime_us=HOUR).runs
    assert program.registered(at(2 * HOUR)) == 1
    assert isinstance(told(program, asked(Poll, "a", 2), 2 * HOUR), Grant)


def test_a_disk_that_has_room_again_in_time_harms_nobody(program: ProcessWire) -> None:
    program.fill(True)
    program.fill(False)
    assert isinstance(told(program, asked(Poll, "a", 2), 2 * HOUR), Grant)


def test_slots_that_become_void_on_a_full_disk_are_counted(program: ProcessWire) -> None:
    program.fill(True)
    assert program.registered(at(5_000 + DAY)) == 1
    assert program.registered(at(5_000 + DAY + 1)) == 0
    # The disk is as full as before.
    program.ask_in_vain(asked(Register, "a", 2), FIRST, at(2 * DAY))


def test_a_program_that_answers_on_a_full_disk_is_found_out(program: ProcessWire) -> None:
    with pytest.raises(ProgramError, match="answered what it cannot have stored: Grant"):
        program.ask_in_vain(asked(Poll, "a", 2), FIRST, at(2 * HOUR))


def test_a_program_that_goes_on_or_ends_otherwise_on_a_full_disk_is_found_out(
    program: ProcessWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What it says to bytes that are no request is hidden, so that it says nothing, and goes on.
    monkeypatch.setattr("harness.wires.process.decode_answer", _unreadable)
    monkeypatch.setattr("harness.wires.process._END_SECONDS", 0.1)
    with pytest.raises(ProgramError, match="cannot store anything, goes on"):
        program.ask_in_vain(b"{", FIRST, at(2 * HOUR))
    process = program._process
    assert process is not None
    program._connect()
    monkeypatch.setattr(type(program), "_disconnect", lambda self: process.terminate())
    monkeypatch.setattr("harness.wires.process._END_SECONDS", 30.0)
    with pytest.raises(ProgramError, match="cannot store anything, ended with 0"):
        program.ask_in_vain(b"{", FIRST, at(3 * HOUR))
    monkeypatch.undo()


def _unreadable(_: bytes) -> Answer:
    raise ProtocolError(Code.JSON_PARSER_ERROR, "hidden")


def test_a_program_that_runs_although_it_can_store_nothing_is_found_out(
    program: ProcessWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.stop(at(HOUR))
    program.fill(True)
    monkeypatch.setattr("harness.wires.process._write_nothing", lambda: None)
    with pytest.raises(ProgramError, match="can store nothing on its full disk"):
        program.start(at(2 * HOUR), downtime_us=HOUR)


def test_without_libfaketime_no_program_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.wires.process.FAKETIME", ())
    with pytest.raises(Unfit, match="libfaketime, which sets the clock"):
        wire_named("tls")(Authority, LICENCE, LITERAL)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.wire(name)] * (name in PROGRAMS)) for name in WIRES]
)
def test_nothing_is_left_behind(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = []

    def noted() -> object:
        folders.append(scratch(tmp_path))
        return folders[-1]

    monkeypatch.setattr("harness.wires.asgi.scratch", noted)
    monkeypatch.setattr("harness.wires.process.scratch", noted)
    made = wire_named(name)(Authority, LICENCE, LITERAL)
    made.start(at(0), downtime_us=0)
    told(made, asked(Register, "a"), 5_000)
    process = getattr(made, "_process", None)
    made.close()
    if process is not None:
        assert [path for path in Path("/dev/shm").iterdir() if path.name.endswith(f"_{process.pid}")] == []
    assert len(folders) == (name != "memory")
    assert list(tmp_path.iterdir()) == []


def test_the_folders_of_processes_that_are_gone_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = tmp_path / f"fdl-harness-{ended.pid}-abc"
    left.mkdir()
    (left / "server.log").touch()
    others = [tmp_path / "fdl-harness-notes-7", tmp_path / f"fdl-harness-{os.getpid()}-abc"]
    for other in others:
        other.mkdir()
    with scratch(tmp_path) as made:
        assert sorted(tmp_path.iterdir()) == sorted([*others, Path(made)])
