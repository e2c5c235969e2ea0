"""What wires cannot express, and what they need of a machine: each reason is told before anything runs."""

from __future__ import annotations

from dataclasses import replace
from subprocess import CompletedProcess
from typing import Any

import pytest

from harness.runner import Job, Outcome, run_one
from harness.scenario import Between, Expect, LicenceSpec, Verb
from harness.wires import limits
from harness.wires.limits import MOST_HOSTS, why_not
from reference_server.readings import LITERAL, READINGS
from tests.harness.stage import a_world, event
from tests.rulebook.hand import DAY, FIRST, HOUR, node


@pytest.fixture(autouse=True)
def a_machine_that_has_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_not_here", lambda: ())
    monkeypatch.setattr(limits, "_no_kernel_hosts", lambda: ())
    monkeypatch.setattr(limits, "_no_queue", lambda: ())


def test_a_scenario_that_every_wire_can_express() -> None:
    for wire in ("memory", "asgi", "tls", "netns"):
        assert why_not(a_world(), LITERAL, wire) is None


def test_memory_expresses_everything() -> None:
    assert why_not(a_world(expires_us=7), READINGS["revive"], "memory", own_server=True) is None


@pytest.mark.parametrize("wire", ["asgi", "tls", "netns"])
def test_a_licence_that_no_file_can_say(wire: str) -> None:
    spec: dict[str, Any] = {"expires_us": 1_772_323_201_000_000}
    why = "the licence ends at 1772323201000000 us since the Unix epoch, where no day ends in any time zone"
    assert why_not(a_world(**spec), LITERAL, wire) == why
    change = event(HOUR, Verb.LICENCE_CHANGE, changes=tuple(spec.items()))
    assert why_not(a_world(change), LITERAL, wire) == why
    assert why_not(a_world(expires_us=1 << 62), LITERAL, wire) is not None


@pytest.mark.parametrize("hours", [0, 5, -8, 14])
def test_a_day_that_ends_somewhere(hours: int) -> None:
    assert why_not(a_world(expires_us=1_772_323_200_000_000 - hours * HOUR), LITERAL, "asgi") is None


def test_readings_and_servers_of_ones_own() -> None:
    assert why_not(a_world(), READINGS["revive"], "asgi") is None
    assert why_not(a_world(), READINGS["revive"], "tls") == "the server program keeps to the reading literal alone"
    assert why_not(a_world(), LITERAL, "tls", own_server=True) is not None


def stating(*events: Any, **expect: Any) -> str | None:
    made = Expect(index=0, line=7, registered=1, **expect)
    return why_not(replace(a_world(*events, duration_us=2 * DAY), expects=(made,)), LITERAL, "tls")


def test_nobody_can_ask_a_server_that_is_down() -> None:
    stop = event(HOUR, Verb.SERVER_STOP, lasts_us=HOUR)
    assert stating(stop, at_us=HOUR - 1) is None
    assert stating(stop, at_us=HOUR) == (
        "line 7 states how many slots are live at 0d 01:00:00, when the server cannot be asked"
    )
    assert stating(stop, at_us=2 * HOUR - 1) is not None
    assert stating(stop, at_us=2 * HOUR) is None
    assert stating(stop, between=Between(first_us=0, last_us=HOUR, hold="always")) is not None
    assert stating(stop, between=Between(first_us=2 * HOUR, last_us=DAY, hold="always")) is None


def test_a_stop_ends_when_it_is_undone() -> None:
    hung, resumed = event(HOUR, Verb.SERVER_HANG), event(3 * HOUR, Verb.SERVER_RESUME)
    assert stating(hung, resumed, at_us=2 * HOUR) is not None
    assert stating(hung, resumed, at_us=3 * HOUR) is None
    assert stating(hung, at_us=DAY) is not None
    destroyed = event(HOUR, Verb.SERVER_DESTROY)
    assert stating(destroyed, at_us=DAY) is not None
    assert stating(event(HOUR // 2, Verb.SERVER_STOP, lasts_us=HOUR), destroyed, at_us=DAY) is not None


def test_slots_are_not_counted_at_every_instant() -> None:
    assert stating(between=Between(first_us=0, last_us=HOUR, hold="ever")) == (
        "line 7 states that a number of slots is live at some instant, and they are not counted at every one"
    )


@pytest.mark.wire("tls")
def test_what_only_the_run_shows_is_skipped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    crash = event(HOUR, Verb.SERVER_CRASH_AT, moment="stored")
    world = a_world(crash, nodes=(node("a"), node("b", address=FIRST + 1, register_us=2 * HOUR)))
    for at_us, outcome in ((HOUR, Outcome.PASSED), (3 * HOUR, Outcome.SKIPPED)):
        stated = replace(world, expects=(Expect(index=0, line=7, at_us=at_us, registered=1),))
        result = run_one(Job(scenario=stated, reading=LITERAL, wire="tls"))
        assert result.outcome is outcome, result.skipped
    assert result.skipped == "line 7 states how many slots are live when the server could not be asked"


def test_dates_that_no_program_shows() -> None:
    assert why_not(a_world(event(HOUR, Verb.CLOCK_STEP, host="server", by_us=-60 * 365 * DAY)), LITERAL, "tls") == (
        "the server's wall clock shows a date before 1970 or after 2262, which that of no real program does"
    )
    assert why_not(a_world(event(HOUR, Verb.CLOCK_STEP, host="a", by_us=-60 * 365 * DAY)), LITERAL, "tls") is None


def test_kernel_hosts() -> None:
    many = tuple(node(f"n{k}", address=FIRST + k) for k in range(MOST_HOSTS + 1))
    assert why_not(a_world(nodes=many[1:]), LITERAL, "netns") is None
    assert (
        why_not(a_world(nodes=many), LITERAL, "netns")
        == "the nodes have 65 addresses, each a kernel host, and there are 64 at most"
    )
    move = event(HOUR, Verb.NODE_MOVE, *(each.name for each in many[1:]), address=FIRST + 1000)
    assert why_not(a_world(move, nodes=many[1:]), LITERAL, "netns") is not None
    for address in (0xFFFFFFFF, 0x7F000001, 0xE0000001, 1, 0xC6120002):
        why = why_not(a_world(nodes=(node("a", address=address),)), LITERAL, "netns")
        assert why is not None
        assert why.endswith("is an address that no other host than the wire's own can have")
        assert why_not(a_world(nodes=(node("a", address=address),)), LITERAL, "tls") is None
    clone = event(HOUR, Verb.SERVER_CLONE, address=FIRST + 7)
    assert (
        why_not(a_world(clone), LITERAL, "netns") == "there is one host for a server, and a copied server needs another"
    )


def test_what_is_missing_on_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("harness.wires.process.FAKETIME", ())
    assert why_not(a_world(), LITERAL, "tls") == (
        "libfaketime, which sets the clock of the server program, is not installed (apt-get install faketime)"
    )
    assert why_not(a_world(), LITERAL, "asgi") is None
    kernel = limits._no_kernel_hosts.__wrapped__
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert kernel() == ("network namespaces are made by root, and this is not run by root",)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda program: None if program == "nft" else program)
    assert kernel() == ("nftables is not installed (apt-get install nftables)",)
    monkeypatch.setattr("shutil.which", lambda program: program)
    monkeypatch.setattr(limits, "find_spec", lambda library: None if library == "pyroute2" else library)
    assert kernel() == ("pyroute2 is not installed (pip install 'fdl-harness[netns]')",)
    monkeypatch.setattr(limits, "find_spec", lambda library: library)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: CompletedProcess((), 1, "", "unshare: not permitted\n"))
    assert kernel() == ("this machine lets nobody make network namespaces (unshare: not permitted)",)


def test_what_is_missing_for_holding_requests_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    queue = limits._no_queue.__wrapped__
    monkeypatch.setattr("shutil.which", lambda program: None)
    assert queue() == ("iptables, which holds delayed requests back, is not installed (apt-get install iptables)",)
    monkeypatch.setattr("shutil.which", lambda program: program)
    monkeypatch.setattr(limits, "find_spec", lambda library: None)
    assert queue() == (
        "NetfilterQueue, which holds delayed requests back, is not installed "
        "(apt-get install gcc python3-dev libnetfilter-queue-dev; pip install NetfilterQueue)",
    )
    monkeypatch.setattr(limits, "find_spec", lambda library: library)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: CompletedProcess((), 4, "", "iptables: no such target\n"))
    assert queue() == ("this machine's kernel cannot hold packets back (iptables: no such target)",)


@pytest.mark.parametrize("verb", [Verb.NETWORK_DELAY, Verb.NETWORK_REORDER])
def test_only_what_delays_requests_needs_to_hold_them_back(verb: Verb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_no_queue", lambda: ("nothing can be held",))
    for direction in ("both", "requests"):
        assert why_not(a_world(event(HOUR, verb, "a", direction=direction)), LITERAL, "netns") == "nothing can be held"
        assert why_not(a_world(event(HOUR, verb, "a", direction=direction)), LITERAL, "tls") is None
    assert why_not(a_world(event(HOUR, verb, "a", direction="answers")), LITERAL, "netns") is None
    assert why_not(a_world(event(HOUR, Verb.NETWORK_DUPLICATE, "a", direction="both")), LITERAL, "netns") is None


def test_a_licence_without_an_end_has_no_day(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not(replace(a_world(), licence=LicenceSpec(ranges=((FIRST, FIRST),))), LITERAL, "asgi") is None
