"""Checking facts: three outcomes, each fact by itself, and none that stops the others."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.facts import FACTS, Outcome, Workshop, about, check, checking, programs
from harness.facts.checking import BrokenError, NotCheckedError, checks
from harness.facts.programs import Commands, Done, Server, is_listening
from harness.rulebook import catalogue
from harness.wires.installed import free_port


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    with Workshop(patience_s=5) as made:
        yield made


@pytest.fixture
def no_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "FACTS", {})


# The register.


def test_what_the_rule_book_says_of_programs_is_checked_against_them() -> None:
    assert sorted(FACTS) == [entry.id for entry in catalogue().values() if entry.program]


@pytest.mark.parametrize("rule", sorted(FACTS))
def test_a_fact_says_what_is_checked(rule: str) -> None:
    assert re.fullmatch(r"\S.*\S\.", about(rule))


def test_what_is_no_fact_says_nothing() -> None:
    assert about("R031") == ""


@pytest.mark.usefixtures("no_facts")
def test_a_rule_is_checked_once(workshop: Workshop) -> None:
    seen: list[str] = []

    @checks("R001", "R002")
    def fact(_: Workshop) -> None:
        seen.append("checked")

    assert [(each.rule, each.outcome) for each in check(workshop, ["R002", "R001"])] == [
        ("R002", Outcome.HELD),
        ("R001", Outcome.HELD),
    ]
    assert seen == ["checked"]
    with pytest.raises(AssertionError, match="R002 is checked already"):
        checks("R002")(fact)


# The outcomes.


@pytest.mark.usefixtures("no_facts")
def test_each_outcome_says_why_and_stops_no_other(workshop: Workshop) -> None:
    @checks("R001")
    def broken(_: Workshop) -> None:
        raise BrokenError("exit code 9", "exit code 0", "fdl-server -port 8088")

    @checks("R002")
    def impossible(_: Workshop) -> None:
        raise NotCheckedError("ps is not installed")

    @checks("R003")
    def crashing(_: Workshop) -> None:
        raise KeyError("body")

    @checks("R004")
    def holding(_: Workshop) -> None:
        return

    first, second, third, fourth = check(workshop, ["R001", "R002", "R003", "R004"])
    wrong = (first.outcome, first.expected, first.seen, first.command)
    assert wrong == (Outcome.BROKEN, "exit code 9", "exit code 0", "fdl-server -port 8088")
    assert (second.outcome, second.trouble) == (Outcome.NOT_CHECKED, "ps is not installed")
    assert (third.outcome, third.trouble) == (Outcome.NOT_CHECKED, "crashed: KeyError: 'body'")
    assert fourth.outcome is Outcome.HELD


# Running programs.


def test_what_a_command_must_do_is_told_with_what_it_did() -> None:
    done = Done(command="fdl-server -port x", code=2, printed="", complained="The port 'x'\nis wrong\n")
    assert done.must_end_with(2, "wrong") is done
    with pytest.raises(BrokenError) as broken:
        done.must_end_with(0, "Server Address")
    assert broken.value.expected == "exit code 0 and 'Server Address'"
    assert broken.value.seen == "exit code 2 and \"The port 'x' is wrong\""
    assert broken.value.command == "fdl-server -port x"


def test_a_command_that_goes_on_is_broken(tmp_path: Path) -> None:
    with pytest.raises(BrokenError, match="expected that it ends within 0 s, saw that it goes on"):
        Commands(patience_s=0.2).run(["sh", "-c", "read -r _ < /dev/zero"], folder=tmp_path)


def test_a_server_that_neither_starts_nor_ends_is_broken_and_killed(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    hanging = ["sh", "-c", f"echo $$ > {pid}; exec sleep 60"]
    with pytest.raises(BrokenError, match="that it starts or ends"):
        Server(hanging, before=(), port=1, folder=tmp_path, inside=tmp_path, environment={}, patience_s=0.5)
    assert not Path("/proc", pid.read_text().strip()).exists()


def test_a_command_that_is_not_installed_cannot_be_checked(tmp_path: Path) -> None:
    with pytest.raises(NotCheckedError, match="fdl-nothing is not installed"):
        Commands().run(["fdl-nothing"], folder=tmp_path)


def test_where_no_administrator_can_be_played_nothing_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "as_root", lambda: ("false",))
    programs._as_administrator.cache_clear()
    with pytest.raises(NotCheckedError, match="no administrator runs this, and none can be played: false fails"):
        Commands().before(admin=True)
    programs._as_administrator.cache_clear()


def test_commands_of_a_folder_take_the_place_of_installed_ones(tmp_path: Path) -> None:
    own = tmp_path / "fdl-node"
    own.write_text("#!/bin/sh\necho mine\n")
    own.chmod(0o755)
    assert Commands(tmp_path).run(["fdl-node"], folder=tmp_path).printed == "mine\n"
    assert Commands(tmp_path).find("fdl-issuer").parent == Path(sys.executable).parent


def test_what_is_made_once_is_shared_by_what_it_is_about(workshop: Workshop) -> None:
    assert workshop.once(Workshop.folder) is workshop.once(Workshop.folder)
    assert workshop.once(Workshop.machine, "one") != workshop.once(Workshop.machine, "two")


def test_nothing_runs_and_nothing_is_left_when_the_workshop_is_closed() -> None:
    with Workshop() as workshop:
        place, server = workshop.shared()
        assert is_listening(server.port)
    assert server.code is not None
    assert not is_listening(server.port)
    assert not place.bundle.exists()


def test_a_port_that_somebody_has_taken_meanwhile_is_not_the_programs_fault(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        ports = iter([taken, free_port()])
        monkeypatch.setattr("harness.facts.workshop.free_port", lambda: next(ports))
        with workshop.running(workshop.licensed()) as server:
            assert server.port != taken


def test_a_free_port_is_not_listened_at() -> None:
    assert not is_listening(free_port())
