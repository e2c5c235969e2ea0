"""The rules of outages in cases that are rare: what is no occasion, what cannot be seen, and who it was.

Every story is written by hand, with nodes a, b and c, 5 ms each way and a timeout of 30 s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest

from harness.rulebook import Ruling, Sides
from harness.scenario import Event, Verb
from harness.trace import COPY_HOST, NEVER, EdgeKind, Outcome, Slot, SlotChange, Status, Table, TransitionReason
from reference_server.protocol import Code, Kind
from reference_server.readings import READINGS
from tests.rulebook.hand import (
    ANSWER_LOST,
    DAY,
    FIRST,
    GRANTED,
    HOUR,
    LOST,
    MINUTE,
    MS,
    REFUSED_PORT,
    SECOND,
    START,
    Story,
    first_of,
    node,
)

REGISTER, POLL, UNBIND = Kind.REGISTER, Kind.POLL, Kind.UNBIND
UNREGISTERED, REGISTERED, INTERRUPTED = Status.UNREGISTERED, Status.REGISTERED, Status.INTERRUPTED
REJECTED, LAPSED = Status.REJECTED, Status.LAPSED
GRANT, UNANSWERED = TransitionReason.GRANTED, TransitionReason.UNANSWERED
HELD, VIOLATED, UNKNOWN = Ruling.HELD, Ruling.VIOLATED, Ruling.UNKNOWN


# R028: which nodes have to come back by themselves.


def back_after(last_us: int, story: Story | None = None) -> Story:
    """a is registered at 0 and misses its polls from 2:00 to ``last_us``; the server is back an hour after that."""
    story = story or Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    for at_us in range(2 * HOUR, last_us + 1, 2 * HOUR):
        story.misses("a", at_us, first=at_us == 2 * HOUR)
    story.edge("server", last_us + HOUR, EdgeKind.STARTED)
    return story


def comes_back(story: Story, at_us: int) -> Story:
    story.asks("a", POLL, at_us)
    story.turns("a", at_us + 10 * MS, INTERRUPTED, REGISTERED, GRANT)
    return story


def test_the_last_contact_may_be_the_last_of_a_run_of_polls() -> None:
    # Polls at 2:00, 4:00 and 6:00; the server is down from 7:00 to 29:00, which is 22 h. The next poll is due at 30:00,
    # exactly 24 h after the last of the run.
    story = Story()
    story.registers("a")
    story.beats("a", 2 * HOUR, 3)
    story.edge("server", 7 * HOUR, EdgeKind.STOPPED)
    for hour in range(8, 29, 2):
        story.misses("a", hour * HOUR, first=hour == 8)
    story.edge("server", 29 * HOUR, EdgeKind.STARTED)
    judged = comes_back(story, 30 * HOUR).judged("R028")
    assert (judged.ruling, judged.tested, judged.sides) == (HELD, 1, Sides(at=1))


def interrupted_without_a_request() -> Story:
    story = Story()
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.turns("a", HOUR, UNREGISTERED, INTERRUPTED, UNANSWERED)
    story.edge("server", 2 * HOUR, EdgeKind.STARTED)
    return story


def copied_when_interrupted() -> Story:
    # b is a copy of a's machine. Its first request of its own is missed.
    story = Story(nodes=(node("a"), node("b", address=FIRST + 1, clone_of="a")))
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.misses("a", 2 * HOUR, first=True)
    story.edge("b", 150 * MINUTE, EdgeKind.CLONED, 0)
    story.trace.transitions.add(150 * MINUTE, 1, UNREGISTERED, INTERRUPTED, TransitionReason.COPIED)
    story.opens("b", 150 * MINUTE, True)
    story.edge("b", 150 * MINUTE, EdgeKind.STARTED)
    story.misses("b", 150 * MINUTE)
    story.edge("a", 160 * MINUTE, EdgeKind.STOPPED)
    story.edge("server", 3 * HOUR, EdgeKind.STARTED)
    return story


def asking_as_the_server_returns() -> Story:
    # The poll of 2:00 is missed, a register is lost 10 s before the server's return and so ends 20 s after it.
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.misses("a", 2 * HOUR, first=True)
    number = story.asks("a", REGISTER, 3 * HOUR - 10 * SECOND, LOST)
    story.edge("server", 3 * HOUR, EdgeKind.STARTED)
    story.lists("a", 3 * HOUR + 20 * SECOND, Code.NO_CONNECTION, number)
    story.asks("a", POLL, 5 * HOUR - 10 * SECOND)
    return story


def asking_as_the_run_ends() -> Story:
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.misses("a", 2 * HOUR, first=True)
    story.asks("a", REGISTER, 3 * HOUR - 10 * SECOND, LOST, outcome=Outcome.OPEN, ended_us=NEVER)
    story.edge("server", 3 * HOUR, EdgeKind.STARTED)
    return story.until(3 * HOUR + SECOND)


def not_interrupted() -> Story:
    # The server is down between two polls.
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.edge("server", HOUR + MINUTE, EdgeKind.STARTED)
    story.asks("a", POLL, 2 * HOUR)
    return story


def stopped_for_a_day() -> Story:
    # In this reading a node is still interrupted after a stop of 24 h sharp.
    return back_after(DAY, Story(reading=READINGS["thirteenth-miss"]))


def delayed_within_its_patience() -> Story:
    # Something was slow 30 s after the poll of 4:00, which is as long as the node waits for its answer.
    delay = Event(index=0, at_us=4 * HOUR + 30 * SECOND, verb=Verb.NETWORK_DELAY, nodes=("a",), by_us=1)
    story = back_after(2 * HOUR, Story(delay))
    story.asks("a", POLL, 4 * HOUR, 0)
    return story


def asleep_when_the_answer_comes() -> Story:
    # Wrongly refused, but the host is suspended from the request's arrival on.
    story = back_after(2 * HOUR)
    story.asks("a", POLL, 4 * HOUR, 0, outcome=Outcome.UNANSWERED, ended_us=5 * HOUR)
    story.trace.exchanges.column("delivered_us")[2] = NEVER
    story.edge("a", 4 * HOUR + 5 * MS + 1, EdgeKind.SUSPENDED)
    story.edge("a", 5 * HOUR, EdgeKind.RESUMED)
    return story


@pytest.mark.parametrize(
    ("story", "sides"),
    [
        (interrupted_without_a_request, Sides()),
        (copied_when_interrupted, Sides()),
        (asking_as_the_server_returns, Sides()),
        (asking_as_the_run_ends, Sides()),
        (not_interrupted, Sides()),
        (stopped_for_a_day, Sides()),
        (delayed_within_its_patience, Sides(below=1)),
        (asleep_when_the_answer_comes, Sides(below=1)),
    ],
)
def test_who_need_not_come_back(story: Callable[[], Story], sides: Sides) -> None:
    judged = story().judged("R028")
    assert (judged.ruling, judged.tested, judged.sides) == (UNKNOWN, 0, sides)


@pytest.mark.parametrize("delivered_us", [NEVER, 4 * HOUR + 30 * SECOND + 1])
def test_a_grant_that_comes_too_late_restores_nothing(delivered_us: int) -> None:
    story = back_after(2 * HOUR)
    story.asks("a", POLL, 4 * HOUR, outcome=Outcome.UNANSWERED, ended_us=4 * HOUR + 30 * SECOND)
    story.trace.exchanges.column("delivered_us")[2] = delivered_us
    assert story.judged("R028").ruling is UNKNOWN


def test_a_request_that_ends_as_the_server_returns_is_over() -> None:
    # The poll of 2:00 is lost, and ends 30 s later, when the server is back.
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.misses("a", 2 * HOUR, LOST, first=True)
    story.edge("server", 2 * HOUR + 30 * SECOND, EdgeKind.STARTED)
    judged = comes_back(story, 4 * HOUR).judged("R028")
    assert (judged.ruling, judged.tested) == (HELD, 1)


@pytest.mark.parametrize(("left_us", "tested"), [(2 * HOUR, 1), (2 * HOUR - 1, 0)])
def test_a_licence_that_ends_within_a_period_proves_nothing(left_us: int, tested: int) -> None:
    # Counted from the arrival of the poll of 4:00.
    expires_us = START + 4 * HOUR + 5 * MS + left_us
    story = comes_back(back_after(2 * HOUR, Story(expires_us=expires_us)), 4 * HOUR)
    assert story.judged("R028").tested == tested


def test_a_short_stop_after_a_long_one_is_judged() -> None:
    story = Story()
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.edge("server", 26 * HOUR, EdgeKind.STARTED)
    story.registers("a", 27 * HOUR)
    story.edge("server", 28 * HOUR, EdgeKind.STOPPED)
    story.misses("a", 29 * HOUR, first=True)
    story.edge("server", 30 * HOUR, EdgeKind.STARTED)
    judged = comes_back(story, 31 * HOUR).judged("R028")
    assert (judged.ruling, judged.tested) == (HELD, 1)


# R026, R029 and R030: a stop of more than 24 h.


def long_stop(*events: Event, nodes: str = "ab", unseen: bool = False) -> Story:
    """The nodes are registered at 0, and the server is down from 1:00 to 26:00, which is 25 h."""
    story = Story(*events)
    for live, name in enumerate(nodes, start=1):
        story.registers(name, live=live)
    story.edge("server", HOUR, EdgeKind.STOPPED)
    for live, name in enumerate(nodes, start=1):
        story.turns(name, DAY + 10 * MS, REGISTERED, LAPSED, TransitionReason.SILENCE)
        story.slot(name, DAY + 5 * MS + 1, SlotChange.VOID, len(nodes) - live)
    story.edge("server", 26 * HOUR, EdgeKind.STARTED)
    if unseen:
        story.trace.sees_slots = False
        story.trace.slots = Table(Slot)
    return story


@pytest.mark.parametrize("rule", ["R026", "R029", "R030"])
def test_a_copy_or_a_drifting_clock_makes_a_long_stop_no_proof(rule: str) -> None:
    story = long_stop()
    story.asks("a", REGISTER, 27 * HOUR)
    assert story.judged(rule).ruling is HELD
    story.trace.edges.add(28 * HOUR, COPY_HOST, EdgeKind.CLONED, 0, 1)
    assert story.judged(rule).ruling is UNKNOWN
    story = long_stop(Event(index=0, at_us=0, verb=Verb.CLOCK_DRIFT, host="server", ppm=Fraction(1)))
    story.asks("a", REGISTER, 27 * HOUR)
    assert story.judged(rule).ruling is UNKNOWN


def test_a_slot_may_go_as_the_server_stops() -> None:
    # Void 24 h and a microsecond after the register's arrival, which is when the server is stopped.
    story = Story()
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.CRASHED)
    story.edge("server", DAY + 5 * MS + 1, EdgeKind.STOPPED)
    story.slot("a", DAY + 5 * MS + 1, SlotChange.VOID, 0)
    story.edge("server", 50 * HOUR, EdgeKind.STARTED)
    judged = story.judged("R026")
    assert (judged.ruling, judged.tested) == (HELD, 1)


@pytest.mark.parametrize("after_us", [0, HOUR])
def test_each_nodes_own_poll_tells_what_became_of_its_slot(after_us: int) -> None:
    # The first poll after the return counts, also one that arrives with it; what comes later tells nothing.
    story = long_stop(unseen=True)
    arrives_us = 26 * HOUR + after_us
    story.asks("a", POLL, arrives_us - 5 * MS, 0)
    story.asks("b", POLL, arrives_us - 5 * MS)
    story.asks("a", POLL, 30 * HOUR)
    judged = story.judged("R026")
    assert (judged.tested, judged.violations) == (2, 1)
    assert first_of(judged) == (26 * HOUR, "b", "the slot survived a stop of more than 24 h")


@pytest.mark.parametrize(
    ("told", "turned_us", "ruling"),
    [
        # The register's grant is what turns the node.
        (GRANTED, 27 * HOUR + 10 * MS, HELD),
        (GRANTED, 27 * HOUR + 10 * MS - 1, VIOLATED),
        (30002, 28 * HOUR + 10 * MS, VIOLATED),
    ],
)
def test_only_a_register_that_succeeds_makes_up_for_a_long_stop(
    told: str | int, turned_us: int, ruling: Ruling
) -> None:
    story = long_stop(nodes="a")
    # What was asked for in vain while the server was down explains nothing.
    story.asks("a", REGISTER, 25 * HOUR, REFUSED_PORT)
    story.asks("a", REGISTER, 27 * HOUR, told)
    story.asks("a", POLL, 28 * HOUR)
    story.turns("a", turned_us, LAPSED, REGISTERED, GRANT)
    judged = story.judged("R029")
    assert (judged.ruling, judged.tested) == (ruling, 1)
    if ruling is VIOLATED:
        assert first_of(judged) == (turned_us, "a", "registered again after more than 24 h, without a register")


def test_a_node_that_is_registered_as_the_server_returns_came_back_without_a_register() -> None:
    story = long_stop(nodes="a")
    story.turns("a", 26 * HOUR, LAPSED, REGISTERED, GRANT)
    assert first_of(story.judged("R029"))[:2] == (26 * HOUR, "a")


def test_a_register_that_ends_as_the_server_returns_counts() -> None:
    # It was sent, and answered, within a clock's tick of the return: the answer takes no time here.
    story = long_stop(nodes="a")
    story.asks("a", REGISTER, 26 * HOUR, ended_us=26 * HOUR)
    story.turns("a", 26 * HOUR, LAPSED, REGISTERED, GRANT)
    assert story.judged("R029").ruling is HELD


def test_a_register_that_nobody_asked_for_ends_no_long_stop() -> None:
    # So the poll after it is judged as well, and so are those of b after the register of a.
    story = long_stop()
    story.asks("a", REGISTER, 27 * HOUR, asked_for=False)
    story.asks("a", POLL, 28 * HOUR, 0)
    story.asks("a", REGISTER, 29 * HOUR)
    story.asks("a", POLL, 31 * HOUR)
    story.asks("b", POLL, 32 * HOUR)
    judged = story.judged("R030")
    # The poll of 28:00, the register of 29:00, and b's poll.
    assert (judged.tested, judged.violations) == (3, 1)
    assert first_of(judged) == (32 * HOUR + 5 * MS, "b", "a poll was granted after a stop of more than 24 h")


def test_a_slot_that_a_copy_took_is_its_own_nodes() -> None:
    # The slot of an installation is told of its first node, which never asks for anything.
    story = Story(nodes=(node("a", register_us=None), node("b", address=FIRST + 1, clone_of="a")))
    story.edge("b", 0, EdgeKind.CLONED, 0)
    story.edge("b", 0, EdgeKind.STARTED)
    story.asks("b", REGISTER, MINUTE)
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.edge("server", 26 * HOUR, EdgeKind.STARTED)
    judged = story.judged("R030")
    assert (judged.ruling, judged.tested, judged.sides) == (UNKNOWN, 0, Sides(above=1))


# R027 and R082: what a stop shows.


def test_a_node_that_turns_registered_as_its_request_fails_shows_no_outage() -> None:
    # It was rejected before, and silence does not change that.
    story = Story()
    story.registers("b")
    story.lists("b", HOUR + 10 * MS, 30002, story.asks("b", REGISTER, HOUR, 30002))
    story.turns("b", HOUR + 10 * MS, REGISTERED, REJECTED, TransitionReason.REFUSED)
    story.edge("server", 2 * HOUR, EdgeKind.STOPPED)
    story.misses("b", 3 * HOUR)
    story.turns("b", 3 * HOUR + 10 * MS, REJECTED, REGISTERED, GRANT)
    said = {
        "R027": "the node still shows that it is registered",
        "R082": "the server is closed, and the node shows that it is registered",
    }
    for rule, message in said.items():
        assert first_of(story.judged(rule)) == (3 * HOUR + 10 * MS, "b", message)


@pytest.mark.parametrize("rule", ["R027", "R082"])
def test_a_grant_in_the_instant_of_a_failure_shows(rule: str) -> None:
    # Without latency: the port refuses the poll of 2:00, but that is cut off. The host sleeps over its timeout until
    # 5:00, when the attempt has failed and the next poll is answered within the instant.
    cut = Event(index=0, at_us=HOUR, verb=Verb.NETWORK_CUT, until_us=3 * HOUR, nodes=("a",), direction="answers")
    story = Story(cut)
    story.scenario = replace(story.scenario, network=replace(story.scenario.network, latency_us=0))
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    lost = story.asks("a", POLL, 2 * HOUR, REFUSED_PORT, ended_us=5 * HOUR)
    story.edge("a", 2 * HOUR + SECOND, EdgeKind.SUSPENDED)
    story.edge("server", 3 * HOUR, EdgeKind.STARTED)
    story.edge("a", 5 * HOUR, EdgeKind.RESUMED)
    granted = story.asks("a", POLL, 5 * HOUR, ended_us=5 * HOUR)
    story.trace.exchanges.column("arrived_us")[lost - 1] = 2 * HOUR
    story.trace.exchanges.column("delivered_us")[lost - 1] = NEVER
    story.trace.exchanges.column("arrived_us")[granted - 1] = 5 * HOUR
    story.trace.exchanges.column("delivered_us")[granted - 1] = 5 * HOUR
    story.lists("a", 5 * HOUR, Code.NO_CONNECTION, lost)
    story.turns("a", 5 * HOUR, REGISTERED, INTERRUPTED, UNANSWERED)
    story.turns("a", 5 * HOUR, INTERRUPTED, REGISTERED, GRANT)
    assert story.judged(rule).ruling is HELD
    # The status alone does not tell: without that grant the node would show what is not so.
    story.trace.exchanges.column("outcome")[granted - 1] = Outcome.OPEN
    assert story.judged(rule).ruling is VIOLATED


@pytest.mark.parametrize("rule", ["R027", "R082"])
def test_a_copy_that_runs_is_no_stopped_server(rule: str) -> None:
    # The answer of the copy is lost, while the server itself is down.
    story = Story()
    story.edge("server", MINUTE, EdgeKind.STOPPED)
    story.trace.edges.add(2 * MINUTE, COPY_HOST, EdgeKind.CLONED, 0, 1)
    story.trace.edges.add(2 * MINUTE, COPY_HOST, EdgeKind.STARTED, 0, 1)
    story.asks("a", REGISTER, HOUR, ANSWER_LOST)
    assert story.judged(rule).tested == 1
    story.trace.exchanges.column("server")[0] = 1
    assert story.judged(rule).tested == 0


@pytest.mark.parametrize(
    ("change", "reading", "message"),
    [
        (SlotChange.DROPPED, "literal", "its slot did not outlive the closing of the server"),
        (None, "windows-close", "its slot outlived the closing of the server"),
    ],
)
def test_what_became_of_a_slot_at_a_closing_is_said(change: SlotChange | None, reading: str, message: str) -> None:
    story = Story(reading=READINGS[reading])
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    if change is not None:
        story.slot("a", HOUR + MINUTE, change, 0)
    story.edge("server", HOUR + MINUTE, EdgeKind.STARTED)
    assert first_of(story.judged("R082")) == (HOUR + MINUTE, "a", message)


def closed(back_us: int) -> Story:
    """a and b are registered when the server is closed from 1:00 to ``back_us``, and nobody sees the slots."""
    story = Story()
    story.trace.sees_slots = False
    story.asks("a", REGISTER, 0)
    story.asks("b", REGISTER, 0)
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.edge("server", back_us, EdgeKind.STARTED)
    return story


@pytest.mark.parametrize(
    ("back_us", "live", "wrong"),
    [
        (2 * HOUR, 2, None),
        (2 * HOUR, 1, "did not outlive"),
        # Both are void 24 h after their registers.
        (26 * HOUR, 0, None),
        (26 * HOUR, 1, "outlived"),
    ],
)
def test_the_number_at_the_return_tells_whether_slots_outlived_a_closing(
    back_us: int, live: int, wrong: str | None
) -> None:
    story = closed(back_us)
    story.trace.counts.add(back_us, live, 0)
    judged = story.judged("R082")
    assert (judged.tested, judged.violations) == (2, 0 if wrong is None else 2)
    if wrong is not None:
        assert first_of(judged) == (back_us, "a", f"its slot {wrong} the closing of the server")


def test_else_the_next_poll_of_each_tells_it() -> None:
    # That of a arrives as the server is back. What it asks later, or had asked before, tells nothing.
    story = closed(2 * HOUR)
    story.asks("a", POLL, 2 * HOUR - 5 * MS)
    story.asks("a", POLL, 4 * HOUR, 0)
    story.asks("b", UNBIND, 3 * HOUR, LOST)
    story.asks("b", POLL, 4 * HOUR, 0)
    judged = story.judged("R082")
    assert (judged.tested, judged.violations) == (2, 1)
    assert first_of(judged) == (2 * HOUR, "b", "its slot did not outlive the closing of the server")


def test_a_poll_that_finds_no_slot_tells_that_it_did_not_outlive_a_closing() -> None:
    story = closed(26 * HOUR)
    story.asks("a", POLL, 27 * HOUR, 0)
    story.asks("b", POLL, 27 * HOUR)
    judged = story.judged("R082")
    assert (judged.tested, judged.violations) == (2, 1)
    assert first_of(judged) == (26 * HOUR, "b", "its slot outlived the closing of the server")


def test_what_fails_for_another_reason_tells_nothing_of_a_slot() -> None:
    # A register, a poll from outside the licensed range, and an unbind.
    story = closed(2 * HOUR)
    story.asks("a", REGISTER, 3 * HOUR)
    story.asks("b", POLL, 3 * HOUR, 30003, address=FIRST + 99)
    judged = story.judged("R082")
    assert (judged.ruling, judged.tested) == (UNKNOWN, 0)
    story = closed(2 * HOUR)
    story.asks("a", UNBIND, 3 * HOUR)
    assert story.judged("R082").ruling is UNKNOWN
