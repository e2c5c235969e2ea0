"""The rules of machines and of identity in cases that are rare: whose machine, which instant, which firewall.

Every story is written by hand, with nodes a, b and c, 5 ms each way and a timeout of 30 s.
"""

from __future__ import annotations

import pytest

from harness.rulebook import Ruling
from harness.scenario import Event, Verb
from harness.trace import COPY_HOST, EdgeKind, Status, TransitionReason
from reference_server.protocol import Kind
from tests.rulebook.hand import DAY, FIRST, GRANTED, HOUR, LOST, MINUTE, MS, REFUSED_PORT, Story, first_of

REGISTER, POLL, UNBIND = Kind.REGISTER, Kind.POLL, Kind.UNBIND
HELD, VIOLATED, UNKNOWN = Ruling.HELD, Ruling.VIOLATED, Ruling.UNKNOWN


# R001: a node is tied to no machine.


def restarted(story: Story, name: str, at_us: int, how: EdgeKind = EdgeKind.STOPPED) -> None:
    """Let a node go down at an instant, and come up a minute later."""
    story.edge(name, at_us, how)
    story.edge(name, at_us + MINUTE, EdgeKind.STARTED)


def test_a_restart_is_no_other_machine() -> None:
    story = Story()
    story.edge("a", 0, EdgeKind.STARTED)
    story.registers("a")
    restarted(story, "a", HOUR)
    story.asks("a", POLL, HOUR + MINUTE, 0)
    assert story.judged("R001").ruling is UNKNOWN
    # Nor is one that was not moved in the end.
    story.edge("a", 2 * HOUR, EdgeKind.MOVED, FIRST + 9, done=False)
    assert story.judged("R001").ruling is UNKNOWN


def test_every_other_machine_is_one_occasion_and_its_first_request_another() -> None:
    # Rebooted at 1:00, restarted at 3:00, moved at 5:00 and rebooted at 7:00. The first register or poll after each
    # counts, also one that is sent with the start: that of 7:01 is wrongly refused, what comes after it tells nothing.
    story = Story()
    story.registers("a")
    restarted(story, "a", HOUR, EdgeKind.REBOOTED)
    story.asks("a", POLL, HOUR + MINUTE)
    restarted(story, "a", 3 * HOUR)
    story.asks("a", POLL, 3 * HOUR + MINUTE, 30003)
    story.edge("a", 5 * HOUR, EdgeKind.MOVED, FIRST + 9)
    story.asks("a", POLL, 5 * HOUR + MINUTE, address=FIRST + 9)
    restarted(story, "a", 7 * HOUR, EdgeKind.REBOOTED)
    story.asks("a", POLL, 7 * HOUR + MINUTE, 30003, address=FIRST + 9)
    story.asks("a", POLL, 9 * HOUR + MINUTE, address=FIRST + 9)
    for rule in ("R001", "R009"):
        judged = story.judged(rule)
        assert (judged.tested, judged.violations) == (6, 1)
        message = "refused on another machine, for none of the checks"
        assert first_of(judged) == (7 * HOUR + MINUTE + 5 * MS, "a", message)


def test_what_goes_wrong_on_one_machine_hides_nothing_of_the_next() -> None:
    # Its status changes with the reboot of 1:00 and with that of 5:00. In between, the first request after the reboot
    # of 3:00 is of another version by now, and so rightly refused.
    story = Story()
    story.registers("a")
    restarted(story, "a", HOUR, EdgeKind.REBOOTED)
    registered, unregistered = Status.REGISTERED, Status.UNREGISTERED
    story.turns("a", HOUR + MINUTE, registered, unregistered, TransitionReason.UNBOUND)
    story.turns("a", 2 * HOUR, unregistered, registered, TransitionReason.GRANTED)
    restarted(story, "a", 3 * HOUR, EdgeKind.REBOOTED)
    story.asks("a", POLL, 3 * HOUR + MINUTE, 30003, address=FIRST + 99)
    restarted(story, "a", 5 * HOUR, EdgeKind.REBOOTED)
    story.turns("a", 5 * HOUR + MINUTE, registered, unregistered, TransitionReason.UNBOUND)
    judged = story.judged("R001")
    assert (judged.tested, judged.violations) == (3, 2)
    assert first_of(judged) == (HOUR + MINUTE, "a", "its registration changed with its machine")


# R002 and R010: the server's machine.


def test_only_what_comes_after_another_machine_tells_that_the_licensed_one_serves() -> None:
    # Another machine from 2:00 to 3:00. Before and meanwhile nothing is told of the licensed one, nor by a request that
    # is none, nor by the copy of the server.
    story = Story()
    story.registers("a")
    story.trace.edges.add(MINUTE, COPY_HOST, EdgeKind.CLONED, 0, 1)
    story.trace.edges.add(MINUTE, COPY_HOST, EdgeKind.STARTED, 0, 1)
    story.asks("a", POLL, HOUR, 0)
    story.edge("server", 2 * HOUR, EdgeKind.DRIFTED)
    story.asks("a", POLL, 150 * MINUTE, 0)
    story.edge("server", 3 * HOUR, EdgeKind.IDENTITY_RESTORED)
    story.asks("a", REGISTER, 4 * HOUR, 10000, form=10000)
    story.asks("a", POLL, 5 * HOUR, 0)
    story.trace.exchanges.column("server")[4] = 1
    story.asks("a", POLL, 6 * HOUR)
    story.asks("b", POLL, 7 * HOUR, 0)
    story.asks("a", POLL, 8 * HOUR, 0)
    judged = story.judged("R002")
    # The polls from 6:00 on; b has no slot, and so is refused for that.
    assert (judged.tested, judged.violations) == (3, 1)
    assert first_of(judged) == (8 * HOUR + 5 * MS, "a", "refused on the licensed machine as if on a foreign one")


def test_a_machine_may_be_another_one_for_no_time_at_all() -> None:
    # What arrives in that instant, or is sent then in a run of polls, finds the licensed one.
    story = Story()
    story.registers("a")
    for what in (EdgeKind.DRIFTED, EdgeKind.IDENTITY_RESTORED):
        story.edge("server", HOUR, what)
    story.asks("a", POLL, HOUR - 5 * MS)
    assert story.judged("R002").tested == 1
    story.beats("b", HOUR, 3)
    story.beats("c", HOUR - 1, 2)
    assert story.judged("R002").tested == 4


@pytest.mark.parametrize("rule", ["R009", "R010", "R012"])
def test_who_was_served_by_a_foreign_machine_is_told(rule: str) -> None:
    story = Story()
    story.edge("server", HOUR, EdgeKind.DRIFTED)
    story.asks("b", REGISTER, 2 * HOUR)
    message = "answered on a foreign machine as if on the licensed one"
    assert first_of(story.judged(rule)) == (2 * HOUR + 5 * MS, "b", message)


@pytest.mark.parametrize(("told", "ruling"), [(REFUSED_PORT, HELD), (GRANTED, VIOLATED)])
def test_a_server_is_destroyed_from_that_instant_on(told: str, ruling: Ruling) -> None:
    # What was answered before tells nothing.
    story = Story()
    story.asks("a", REGISTER, 0)
    story.edge("server", HOUR, EdgeKind.DESTROYED)
    story.asks("b", REGISTER, HOUR - 5 * MS, told)
    judged = story.judged("R125")
    assert (judged.ruling, judged.tested) == (ruling, 1)


# R083: what starts with the machine.


def reboots(*back_us: int | None, starts: tuple[int, ...] = (), by_hand: tuple[int, ...] = ()) -> Story:
    """The server's machine is rebooted at 1:00, 2:00, ...; its program starts with it at each ``back_us`` that is told.

    It does start at ``starts`` and, by somebody's hand, at ``by_hand``.
    """
    events = [
        Event(index=k, at_us=(k + 1) * HOUR, verb=Verb.SERVER_REBOOT, until_us=until_us)
        for k, until_us in enumerate(back_us)
    ]
    events += [Event(index=9, at_us=at_us, verb=Verb.SERVER_START) for at_us in by_hand]
    story = Story(*events)
    edges = [((k + 1) * HOUR, EdgeKind.REBOOTED) for k in range(len(back_us))]
    edges += [(at_us, EdgeKind.STARTED) for at_us in (*starts, *by_hand)]
    # At one instant a start, which ends an event, comes first.
    for at_us, what in sorted(edges, key=lambda edge: (edge[0], edge[1] is not EdgeKind.STARTED)):
        story.edge("server", at_us, what)
    return story.until(DAY)


LATE = "the program was set to start with the machine, and did not"
UNASKED = "the program started with the machine, which it was not set to do"


@pytest.mark.parametrize(
    ("story", "tested", "wrong"),
    [
        # Back after a minute, and then after two.
        (reboots(HOUR + MINUTE, 2 * HOUR + 2 * MINUTE, starts=(HOUR + MINUTE, 2 * HOUR + 2 * MINUTE)), 2, None),
        # The first time it is not, and the start of the second makes nothing good.
        (reboots(HOUR + MINUTE, 2 * HOUR + MINUTE, starts=(2 * HOUR + MINUTE,)), 2, (HOUR + MINUTE, LATE)),
        # A second reboot cuts the first short, at the latest at the very instant at which the machine would be back.
        (reboots(2 * HOUR + MINUTE, 2 * HOUR + MINUTE, starts=(2 * HOUR + MINUTE,)), 1, None),
        (reboots(2 * HOUR, 2 * HOUR + MINUTE, starts=(2 * HOUR + MINUTE,)), 1, None),
        (reboots(2 * HOUR, 2 * HOUR + MINUTE, starts=(2 * HOUR, 2 * HOUR + MINUTE)), 1, None),
        # So does the end of the run, unless the machine is back by then.
        (reboots(DAY), 1, (DAY, LATE)),
        (reboots(DAY, starts=(DAY,)), 1, None),
        (reboots(DAY - 1), 1, (DAY - 1, LATE)),
        (reboots(DAY + 1), 0, None),
        # Somebody starts it before the machine does: then there is nothing to see.
        (reboots(HOUR + 2 * MINUTE, by_hand=(HOUR + MINUTE,)), 0, None),
        # What starts with the first reboot is nobody's of the second, whose machine is not back in the run.
        (reboots(HOUR + MINUTE, DAY + HOUR, starts=(HOUR + MINUTE,)), 1, None),
        # What is not set to start is started by hand, or not at all up to the end of the run.
        (reboots(None), 1, None),
        (reboots(None, None), 1, None),
        (reboots(None, None, by_hand=(HOUR + MINUTE,)), 2, None),
        (reboots(None, starts=(HOUR + MINUTE,)), 1, (HOUR + MINUTE, UNASKED)),
        (reboots(None, starts=(DAY,)), 1, (DAY, UNASKED)),
        # A start that ends as the reboot begins was before it.
        (reboots(None, starts=(HOUR,)), 1, None),
        (reboots(HOUR + MINUTE, starts=(HOUR, HOUR + MINUTE)), 1, None),
        (reboots(None, HOUR * 3, starts=(2 * HOUR, 3 * HOUR)), 1, None),
    ],
)
def test_what_a_reboot_tells(story: Story, tested: int, wrong: tuple[int, str] | None) -> None:
    judged = story.judged("R083")
    assert (judged.tested, judged.violations) == (tested, int(wrong is not None))
    if wrong is not None:
        at_us, _, message = first_of(judged)
        assert (at_us, message) == wrong


# R100: a closed port.


def lift(at_us: int, node: str = "a", direction: str = "both") -> Event:
    return Event(
        index=1,
        at_us=at_us,
        verb=Verb.FIREWALL_LIFT,
        nodes=(node,),
        direction=direction,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("lifted", "closed"),
    [
        (lift(2 * HOUR), False),
        # For another node, in the other direction, before, or as it is closed, which comes after.
        (lift(2 * HOUR, node="b"), True),
        (lift(2 * HOUR, direction="answers"), True),
        (lift(2 * HOUR, direction="requests"), False),
        (lift(HOUR - 1), True),
        (lift(HOUR), True),
        (lift(HOUR + 1), False),
    ],
)
def test_a_port_is_closed_until_it_is_lifted_for_the_node_and_the_way(lifted: Event, closed: bool) -> None:
    drop = Event(index=0, at_us=HOUR, verb=Verb.FIREWALL_DROP, nodes=("a",), port=8081)
    story = Story(drop, lifted)
    story.asks("a", REGISTER, 3 * HOUR, LOST)
    assert story.judged("R100").tested == int(closed)
