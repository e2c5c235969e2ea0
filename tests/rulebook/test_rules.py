"""Each judged rule on two histories written by hand: one that holds and one that breaks just it.

The instants are worked out from the law beside each story. Nodes a, b and c sit at 192.168.100.25, .26 and .27; a
packet takes 5 ms each way; the node waits 30 s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest

from harness.rulebook import JUDGES, Ruling, judge
from harness.scenario import Event, Verb
from harness.trace import EdgeKind, Outcome, SlotChange, Status, TransitionReason
from reference_server.protocol import Code, Details, Kind
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
    UNTRUSTED,
    Story,
    node,
)

REGISTER, POLL, UNBIND = Kind.REGISTER, Kind.POLL, Kind.UNBIND
UNREGISTERED, REGISTERED, INTERRUPTED = Status.UNREGISTERED, Status.REGISTERED, Status.INTERRUPTED
REJECTED, LAPSED = Status.REJECTED, Status.LAPSED
SILENCE = TransitionReason.SILENCE

Pair = tuple[Callable[[], Story], Callable[[], Story]]
PAIRS: dict[str, list[Pair]] = {}


def pair(*rules: str) -> Callable[[Callable[[bool], Story]], Callable[[bool], Story]]:
    """Register a story told both ways: ``story(True)`` holds, ``story(False)`` is violated."""

    def register(story: Callable[[bool], Story]) -> Callable[[bool], Story]:
        for rule in rules:
            PAIRS.setdefault(rule, []).append((lambda: story(True), lambda: story(False)))
        return story

    return register


# What administrators do.


@pair("R092")
def registers_and_unbinds_are_asked_for(right: bool) -> Story:
    story = Story()
    story.asks("a", REGISTER, 0, asked_for=right)
    story.asks("a", UNBIND, HOUR)
    return story


@pair("R092")
def what_is_asked_for_is_sent(right: bool) -> Story:
    story = Story()
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.UNBIND_ASKED)
    if right:
        story.asks("a", UNBIND, HOUR, asked_for=False)
        story.turns("a", HOUR + 10 * MS, REGISTERED, UNREGISTERED, TransitionReason.UNBOUND)
    return story


@pair("R092")
def a_granted_unbind_leaves_the_node_unregistered(right: bool) -> Story:
    story = Story()
    story.registers("a")
    story.asks("a", UNBIND, HOUR)
    if right:
        story.turns("a", HOUR + 10 * MS, REGISTERED, UNREGISTERED, TransitionReason.UNBOUND)
    return story


@pair("R099")
def max_connections_is_the_capacity(right: bool) -> Story:
    story = Story()
    story.registers("a")
    if not right:
        capacity, details = story.trace.contents[0]
        story.trace.contents[0] = (capacity + 1, details)
    return story


# Grants.


@pair("R005")
def five_items(right: bool) -> Story:
    story = Story(applications=("report1",))
    details = Details(
        function_points=("FineDataLink",),
        access_domains=(),
        access_ports=(),
        application_names=("report1",) if right else (),
        expires_us=None,
    )
    story.asks("a", REGISTER, 0, details=details)
    return story


@pair("R006")
def a_forged_grant(right: bool) -> Story:
    story = Story()
    outcome = Outcome.NEGATIVE if right else Outcome.POSITIVE
    story.asks("a", REGISTER, 0, signature="simulated:forged", outcome=outcome)
    return story


@pair("R006")
def a_grant_that_is_over_on_arrival(right: bool) -> Story:
    # It carries the date of its arrival, 5 ms after sending; 10 ms after sending the node reckons 15 ms past 0.
    # The licence ends 14.999 ms after the start, so the node has to turn the grant down.
    story = Story(expires_us=START + 14_999)
    story.asks("a", REGISTER, 0, outcome=Outcome.NEGATIVE if right else Outcome.POSITIVE)
    return story


@pair("R007")
def granted_opens(right: bool) -> Story:
    story = Story()
    story.asks("a", REGISTER, 0)
    story.trace.transitions.add(10 * MS, 0, UNREGISTERED, REGISTERED, TransitionReason.GRANTED)
    if right:
        story.opens("a", 10 * MS, True)
    return story


@pair("R008")
def refused_closes(right: bool) -> Story:
    story = Story()
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR, 30002)
    if right:
        story.turns("a", 2 * HOUR + 10 * MS, REGISTERED, REJECTED, TransitionReason.REFUSED)
    return story


CUT = Event(index=0, at_us=HOUR, verb=Verb.NETWORK_CUT, until_us=3 * HOUR, nodes=("a",))


@pair("R013", "R097")
def nothing_passes(right: bool) -> Story:
    story = Story(CUT)
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR, LOST if right else GRANTED)
    return story


# Addresses and moves.


@pair("R011", "R020")
def a_move_inside(right: bool) -> Story:
    story = Story()
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.MOVED, FIRST + 9)
    # 2 h after the last accepted request: no clone.
    story.asks("a", POLL, 2 * HOUR, GRANTED if right else 30003, address=FIRST + 9)
    return story


@pair("R021")
def within_a_range(right: bool) -> Story:
    story = Story()
    story.asks("b", REGISTER, 0, GRANTED if right else 30003)
    return story


@pair("R021")
def the_last_of_a_range(right: bool) -> Story:
    story = Story(nodes=(node("a", address=FIRST + 15),))
    story.asks("a", REGISTER, 0, GRANTED if right else 30003)
    return story


@pair("R022")
def a_move_into_a_cut(right: bool) -> Story:
    story = Story(CUT)
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.MOVED, FIRST + 9)
    story.asks("a", POLL, 2 * HOUR, LOST, address=FIRST + 9, outcome=None if right else Outcome.POSITIVE)
    return story


@pair("R023", "R115")
def a_move_outside(right: bool) -> Story:
    story = Story()
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.MOVED, FIRST + 16)
    story.asks("a", POLL, 2 * HOUR, 30003 if right else GRANTED, address=FIRST + 16)
    return story


@pair("R025", "R115")
def translated(right: bool) -> Story:
    story = Story()
    story.asks("a", REGISTER, 0, 30003 if right else GRANTED, reported=FIRST + 1)
    return story


# Capacity.


@pair("R017", "R071")
def room_for_another(right: bool) -> Story:
    story = Story(capacity=2)
    story.asks("a", REGISTER, 0)
    story.asks("b", REGISTER, MINUTE, GRANTED if right else 30007)
    return story


@pair("R018", "R072", "R118")
def no_room_for_another(right: bool) -> Story:
    story = Story(capacity=2)
    story.asks("a", REGISTER, 0)
    story.asks("b", REGISTER, MINUTE)
    story.asks("c", REGISTER, 2 * MINUTE, 30007 if right else GRANTED)
    return story


@pair("R018", "R072")
def registering_again_costs_nothing(right: bool) -> Story:
    # a has its slot, so its second register is no grant of a new one; b's is.
    story = Story(capacity=1)
    story.asks("a", REGISTER, 0)
    story.asks("a", REGISTER, MINUTE)
    story.asks("b", REGISTER, 2 * MINUTE, 30007 if right else GRANTED)
    return story


@pair("R118")
def void_to_the_microsecond(right: bool) -> Story:
    # The slot of a is void 24 h and 1 us after the arrival at 5 ms. A register that arrives at exactly +24 h finds
    # it taken, one that arrives a microsecond later finds it free.
    story = Story(capacity=1)
    story.asks("a", REGISTER, 0)
    story.asks("b", REGISTER, DAY, 30007 if right else GRANTED)
    story.asks("c", REGISTER, DAY + 1, GRANTED if right else 30007)
    return story


@pair("R019")
def a_member_like_any_node(right: bool) -> Story:
    members = tuple(node(name, address=FIRST + k, cluster="c") for k, name in enumerate("abc"))
    story = Story(nodes=members)
    story.asks("a", REGISTER, 0)
    story.asks("b", REGISTER, 0, GRANTED if right else 30002)
    return story


# Outages.


def long_stop() -> Story:
    """a and b polled last at 24:00, the server is down from 25:00 to 50:00, 25 h; both have lapsed meanwhile."""
    story = Story()
    for live, name in enumerate("ab", start=1):
        story.registers(name, DAY, live)
        story.turns(name, 2 * DAY + 10 * MS, REGISTERED, LAPSED, SILENCE)
    story.edge("server", 25 * HOUR, EdgeKind.STOPPED)
    story.edge("server", 50 * HOUR, EdgeKind.STARTED)
    return story


@pair("R026", "R081")
def no_slot_survives(right: bool) -> Story:
    story = long_stop()
    story.slot("a", 2 * DAY + 5 * MS + 1, SlotChange.VOID, 1)
    if right:
        story.slot("b", 2 * DAY + 5 * MS + 1, SlotChange.VOID, 0)
    return story


@pair("R029")
def the_return_alone(right: bool) -> Story:
    story = long_stop()
    kind = REGISTER if right else POLL
    story.asks("a", kind, 52 * HOUR)
    story.turns("a", 52 * HOUR + 10 * MS, LAPSED, REGISTERED, TransitionReason.GRANTED)
    return story


@pair("R030")
def a_poll_then_a_register(right: bool) -> Story:
    story = long_stop()
    story.asks("a", POLL, 52 * HOUR, 0 if right else GRANTED)
    story.asks("a", REGISTER, 53 * HOUR)
    return story


@pair("R027")
def the_outage_shows(right: bool) -> Story:
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.edge("server", 3 * HOUR, EdgeKind.STARTED)
    story.misses("a", 2 * HOUR, first=right)
    return story


@pair("R028")
def the_next_poll_restores(right: bool) -> Story:
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.edge("server", 3 * HOUR, EdgeKind.STARTED)
    story.misses("a", 2 * HOUR, first=True)
    story.asks("a", POLL, 4 * HOUR, GRANTED if right else 0)
    after, reason = (REGISTERED, TransitionReason.GRANTED) if right else (REJECTED, TransitionReason.REFUSED)
    story.turns("a", 4 * HOUR + 10 * MS, INTERRUPTED, after, reason)
    return story


@pair("R028")
def somebody_tries_again(right: bool) -> Story:
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.edge("server", 3 * HOUR, EdgeKind.STARTED)
    story.misses("a", 2 * HOUR, first=True)
    if right:
        story.asks("a", POLL, 4 * HOUR)
        story.turns("a", 4 * HOUR + 10 * MS, INTERRUPTED, REGISTERED, TransitionReason.GRANTED)
    return story


# Contact.


@pair("R031")
def two_hours(right: bool) -> Story:
    story = Story(days=0)
    story.scenario = replace(story.scenario, duration_us=3 * HOUR)
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR - (not right))
    return story


@pair("R031")
def none_is_missing(right: bool) -> Story:
    story = Story()
    story.scenario = replace(story.scenario, duration_us=3 * HOUR)
    story.registers("a")
    if right:
        story.asks("a", POLL, 2 * HOUR)
    return story


@pair("R031")
def by_its_own_clock(right: bool) -> Story:
    # The node's clock runs twice as fast: 2 h on it are one hour of true time.
    drift = Event(index=0, at_us=0, verb=Verb.CLOCK_DRIFT, host="a", ppm=Fraction(1_000_000))
    story = Story(drift)
    story.scenario = replace(story.scenario, duration_us=HOUR + MINUTE)
    story.registers("a")
    story.asks("a", POLL, HOUR if right else HOUR - MINUTE, boot_us=2 * HOUR if right else 2 * HOUR - 2 * MINUTE)
    return story


@pair("R032")
def one_answer_each(right: bool) -> Story:
    story = Story()
    story.asks("a", REGISTER, 0, GRANTED if right else "nothing")
    return story


def outage_of_a_day(*, lapses_us: int | None) -> Story:
    """a is registered at 0 and misses twelve polls in a stop from 1:00 on; the last one fails at 24 h + 10 ms."""
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    for k in range(1, 13):
        story.misses("a", 2 * k * HOUR, first=k == 1)
    if lapses_us is not None:
        story.turns("a", lapses_us, INTERRUPTED, LAPSED, SILENCE)
    return story


@pair("R033")
def lapses_when_the_last_poll_fails(right: bool) -> Story:
    return outage_of_a_day(lapses_us=DAY + 10 * MS if right else None)


@pair("R033")
def lapses_not_sooner(right: bool) -> Story:
    return outage_of_a_day(lapses_us=DAY + 10 * MS if right else DAY)


@pair("R033")
def lapses_to_the_tick(right: bool) -> Story:
    # a is registered at 0 and stops at 1:00; it is away at its deadline, and lapses when it starts past it.
    story = Story()
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.STOPPED)
    story.edge("a", DAY + 1, EdgeKind.STARTED)
    story.turns("a", DAY + 1 + (not right), REGISTERED, LAPSED, SILENCE)
    return story


@pair("R034")
def void_after_a_day(right: bool) -> Story:
    # Nothing is heard of a after its register arrived at 5 ms: void at 24 h + 5 ms + 1 us.
    story = Story()
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.CRASHED)
    story.slot("a", DAY + 5 * MS + (1 if right else 0), SlotChange.VOID, 0)
    return story


@pair("R034")
def accepted_at_a_day_sharp(right: bool) -> Story:
    story = Story()
    story.registers("a")
    story.asks("a", POLL, DAY, GRANTED if right else 0)
    story.slot("a", 2 * DAY + 5 * MS + 1 if right else DAY + 5 * MS + 1, SlotChange.VOID, 0)
    return story


@pair("R034")
def a_start_reads_the_wall_clock(right: bool) -> Story:
    # The server is down from 1:00 to 3:00 while its wall clock is set 25 h forward: at the start the age of the
    # slot is 3 h - 5 ms + 25 h, so it is void at that instant.
    step = Event(index=0, at_us=2 * HOUR, verb=Verb.CLOCK_STEP, host="server", by_us=25 * HOUR)
    story = Story(step)
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.edge("server", 3 * HOUR, EdgeKind.STARTED)
    story.slot("a", 3 * HOUR if right else DAY + 5 * MS + 1, SlotChange.VOID, 0)
    return story


@pair("R035")
def a_register_brings_it_back(right: bool) -> Story:
    story = outage_of_a_day(lapses_us=DAY + 10 * MS)
    story.edge("server", 25 * HOUR, EdgeKind.STARTED)
    story.asks("a", REGISTER if right else POLL, 26 * HOUR)
    story.turns("a", 26 * HOUR + 10 * MS, LAPSED, REGISTERED, TransitionReason.GRANTED)
    return story


@pair("R036")
def a_row_each(right: bool) -> Story:
    story = Story()
    number = story.asks("a", REGISTER, 0, 30007)
    if right:
        story.lists("a", 10 * MS, 30007, number)
    return story


@pair("R036")
def no_row_too_many(right: bool) -> Story:
    story = Story()
    number = story.asks("a", REGISTER, 0, ANSWER_LOST)
    story.lists("a", 30 * SECOND, Code.NO_CONNECTION, number)
    if not right:
        story.lists("a", 40 * SECOND, Code.NO_CONNECTION)
    return story


@pair("R037")
def rows_stay(right: bool) -> Story:
    story = Story()
    story.asks("a", REGISTER, 0, 30007)
    story.lists("a", 10 * MS, 30007, 1)
    story.asks("a", REGISTER, HOUR)
    if not right:
        story.trace.final_lists[0] = ()
    return story


# Applications, clusters and the table of failures.

OTHER = node("a", application="other")


@pair("R066", "R117")
def not_on_the_list(right: bool) -> Story:
    story = Story(nodes=(OTHER,), applications=("report1", "report2"))
    story.asks("a", REGISTER, 0, 30005 if right else GRANTED)
    return story


@pair("R067")
def no_list_no_limit(right: bool) -> Story:
    story = Story(nodes=(OTHER,))
    story.asks("a", REGISTER, 0, GRANTED if right else 30005)
    return story


@pair("R105")
def own_reasons(right: bool) -> Story:
    members = (node("a", cluster="c", application="x"), node("b", cluster="c", address=FIRST + 99))
    story = Story(nodes=members, applications=("report1",))
    story.lists("a", 10 * MS, 30005, story.asks("a", REGISTER, 0, 30005))
    story.lists("b", 10 * MS, 30003 if right else 30005, story.asks("b", REGISTER, 0, 30003))
    return story


@pair("R107")
def unlisted(right: bool) -> Story:
    story = Story(nodes=(node("a", port=9000),), ports=(8068,))
    number = story.asks("a", REGISTER, 0, 0)
    story.lists("a", 10 * MS, Code.INCORRECT_LICENSE_FORMAT if right else Code.PARAM_INPUT_ERROR, number)
    return story


@pair("R108")
def the_first_check(right: bool) -> Story:
    story = Story(nodes=(node("a", application="x", address=FIRST + 99),), applications=("report1",))
    code = 30003 if right else 30005
    story.lists("a", 10 * MS, code, story.asks("a", REGISTER, 0, code))
    return story


@pair("R108")
def the_first_in_time(right: bool) -> Story:
    # A poll is missed, the next one is refused: under first-in-time "/" keeps being shown.
    story = Story(reading=READINGS["first-in-time"])
    story.registers("a")
    story.misses("a", 2 * HOUR, LOST, first=True)
    number = story.asks("a", POLL, 4 * HOUR, 30002)
    story.lists("a", 4 * HOUR + 10 * MS, 30002, number, shown=Code.NO_CONNECTION if right else 30002)
    return story


@pair("R109")
def malformed(right: bool) -> Story:
    story = Story()
    story.asks("a", REGISTER, 0, 10000 if right else 10001, form=10000)
    return story


@pair("R110")
def bad_parameter(right: bool) -> Story:
    story = Story()
    story.asks("a", REGISTER, 0, 10001 if right else 10000, form=10001)
    return story


@pair("R111")
def nothing_to_unbind(right: bool) -> Story:
    story = Story()
    story.asks("a", UNBIND, 0, 20000 if right else GRANTED)
    return story


@pair("R112")
def expired(right: bool) -> Story:
    # Two requests arrive a microsecond before the end of the last day, and at the end.
    story = Story(expires_us=START + HOUR)
    story.asks("a", REGISTER, HOUR - 5 * MS - 1, GRANTED)
    story.asks("b", REGISTER, HOUR - 5 * MS, 30000 if right else GRANTED)
    return story


@pair("R113")
def other_version(right: bool) -> Story:
    story = Story(nodes=(node("a", version="FineDataLink 4"),))
    story.asks("a", REGISTER, 0, 30001 if right else GRANTED)
    return story


@pair("R114")
def suspended_by_the_issuer(right: bool) -> Story:
    story = Story()
    story.edge("server", MINUTE, EdgeKind.LICENCE_SUSPENDED)
    story.edge("server", HOUR, EdgeKind.LICENCE_RESUMED)
    story.asks("a", REGISTER, MINUTE, 30002 if right else GRANTED)
    story.asks("b", REGISTER, HOUR, GRANTED)
    return story


@pair("R116")
def other_domain(right: bool) -> Story:
    story = Story(nodes=(node("a", domain="b.example"),), domains=("a.example",))
    story.asks("a", REGISTER, 0, 30004 if right else GRANTED)
    return story


@pair("R119")
def a_slash(right: bool) -> Story:
    story = Story()
    number = story.asks("a", REGISTER, 0, LOST)
    story.lists("a", 30 * SECOND, Code.NO_CONNECTION if right else Code.INCORRECT_LICENSE_FORMAT, number)
    return story


@pair("R119")
def a_refused_connection_is_one_too(right: bool) -> Story:
    story = Story()
    story.edge("server", 0, EdgeKind.STOPPED)
    number = story.asks("a", REGISTER, MINUTE, REFUSED_PORT)
    story.lists("a", MINUTE + 10 * MS, Code.NO_CONNECTION if right else 30003, number)
    return story


@pair("R120")
def no_such_code(right: bool) -> Story:
    story = Story(nodes=(node("a", port=9000),), ports=(8068,))
    story.asks("a", REGISTER, 0, 0 if right else 30006)
    return story


# The server's machine, and the way to it.


@pair("R010", "R012")
def a_drifted_machine_refuses(right: bool) -> Story:
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.DRIFTED)
    story.asks("a", POLL, 2 * HOUR, 0 if right else GRANTED)
    return story


@pair("R010", "R012")
def a_drifted_machine_starts_nothing(right: bool) -> Story:
    story = Story()
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.edge("server", HOUR, EdgeKind.DRIFTED)
    story.edge("server", 2 * HOUR, EdgeKind.STARTED, done=not right)
    return story


@pair("R014")
def a_second_program_does_not_run(right: bool) -> Story:
    story = Story()
    story.edge("server", HOUR, EdgeKind.SECOND, done=not right)
    return story


@pair("R086")
def a_start_that_nothing_is_in_the_way_of(right: bool) -> Story:
    story = Story()
    story.edge("server", HOUR, EdgeKind.DRIFTED)
    story.edge("server", HOUR, EdgeKind.STOPPED)
    # On other hardware it must not start, on its own again it has to.
    story.edge("server", 2 * HOUR, EdgeKind.STARTED, done=False)
    story.edge("server", 3 * HOUR, EdgeKind.IDENTITY_RESTORED)
    story.edge("server", 4 * HOUR, EdgeKind.STARTED, done=right)
    return story


@pair("R095")
def a_server_that_is_not_trusted_registers_nobody(right: bool) -> Story:
    story = Story()
    number = story.asks("a", REGISTER, 0, UNTRUSTED, outcome=Outcome.UNANSWERED if right else Outcome.POSITIVE)
    story.lists("a", 10 * MS, Code.NO_CONNECTION, number)
    return story


@pair("R095")
def it_is_listed_as_a_failed_connection(right: bool) -> Story:
    story = Story()
    number = story.asks("a", REGISTER, 0, UNTRUSTED, ended_us=10 * MS)
    story.lists("a", 10 * MS, Code.NO_CONNECTION if right else 30000, number)
    return story


@pair("R100")
def a_closed_port_lets_nothing_through(right: bool) -> Story:
    closed = Event(index=0, at_us=HOUR, verb=Verb.FIREWALL_DROP, until_us=3 * HOUR, nodes=("a",), port=8081)
    story = Story(closed)
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR, LOST if right else GRANTED)
    # The port of another service is another matter, and at 3 h the rule of the firewall is gone.
    story.asks("a", POLL, 4 * HOUR)
    return story


@pair("R125")
def a_destroyed_server_runs_no_more(right: bool) -> Story:
    story = Story()
    story.edge("server", HOUR, EdgeKind.DESTROYED)
    story.edge("server", 2 * HOUR, EdgeKind.STARTED, done=not right)
    return story


@pair("R125")
def a_destroyed_server_answers_no_more(right: bool) -> Story:
    story = Story()
    story.edge("server", HOUR, EdgeKind.DESTROYED)
    story.asks("a", REGISTER, 2 * HOUR, REFUSED_PORT if right else GRANTED)
    return story


# Whose machine counts.


@pair("R001", "R009")
def a_rebooted_node_is_the_same(right: bool) -> Story:
    story = Story()
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.REBOOTED)
    story.edge("a", HOUR + MINUTE, EdgeKind.STARTED)
    if not right:
        story.turns("a", HOUR + MINUTE, REGISTERED, UNREGISTERED, TransitionReason.UNBOUND)
    return story


@pair("R001", "R009")
def so_is_one_that_was_moved(right: bool) -> Story:
    story = Story()
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.MOVED, FIRST + 9)
    # 2 h after the last accepted request: no clone.
    story.asks("a", POLL, 2 * HOUR, GRANTED if right else 0, address=FIRST + 9)
    return story


@pair("R009")
def not_so_the_server(right: bool) -> Story:
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.DRIFTED)
    story.asks("a", POLL, 2 * HOUR, 0 if right else GRANTED)
    return story


@pair("R002")
def its_own_machine_serves_again(right: bool) -> Story:
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.DRIFTED)
    story.edge("server", 2 * HOUR, EdgeKind.IDENTITY_RESTORED)
    story.asks("a", POLL, 2 * HOUR, GRANTED if right else 0)
    return story


# Closing the server, and starting its machine.


@pair("R082")
def a_closed_server_shows(right: bool) -> Story:
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.misses("a", 2 * HOUR, first=right)
    return story


@pair("R082")
def a_slot_outlives_a_minute(right: bool) -> Story:
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    if not right:
        story.slot("a", HOUR + MINUTE, SlotChange.DROPPED, 0)
    story.edge("server", HOUR + MINUTE, EdgeKind.STARTED)
    return story


@pair("R082")
def where_a_window_closes_it_does_not(right: bool) -> Story:
    story = a_slot_outlives_a_minute(not right)
    story.reading = READINGS["windows-close"]
    return story


def reboot(lasts_us: int | None) -> Story:
    """The server's machine is rebooted at 1:00; with ``lasts_us`` its program starts with it."""
    until_us = None if lasts_us is None else HOUR + lasts_us
    story = Story(Event(index=0, at_us=HOUR, verb=Verb.SERVER_REBOOT, until_us=until_us))
    story.edge("server", HOUR, EdgeKind.REBOOTED)
    return story


@pair("R083")
def it_starts_with_the_machine(right: bool) -> Story:
    story = reboot(lasts_us=MINUTE)
    story.edge("server", HOUR + MINUTE, EdgeKind.STARTED, done=right)
    return story


@pair("R083")
def at_once(right: bool) -> Story:
    story = reboot(lasts_us=MINUTE)
    story.edge("server", HOUR + MINUTE + (not right), EdgeKind.STARTED)
    return story


@pair("R083")
def it_does_not_start_by_itself(right: bool) -> Story:
    story = reboot(lasts_us=None)
    if not right:
        story.edge("server", HOUR + MINUTE, EdgeKind.STARTED)
    return story


# What a register shows.


@pair("R098")
def a_success_shows(right: bool) -> Story:
    story = Story()
    story.asks("a", REGISTER, 0)
    if right:
        story.turns("a", 10 * MS, UNREGISTERED, REGISTERED, TransitionReason.GRANTED)
    return story


@pair("R101")
def a_refusal_tells_its_own_reason(right: bool) -> Story:
    story = Story(nodes=(node("a", application="other"),), applications=("report1",))
    number = story.asks("a", REGISTER, 0, 30005)
    story.lists("a", 10 * MS, 30005 if right else 0, number)
    return story


@pair("R101")
def silence_is_told_at_once(right: bool) -> Story:
    story = Story()
    number = story.asks("a", REGISTER, 0, LOST)
    story.lists("a", 30 * SECOND + (not right), Code.NO_CONNECTION, number)
    return story


STORIES = [(rule, story) for rule, stories in PAIRS.items() for story in stories]


@pytest.mark.parametrize(("rule", "story"), STORIES, ids=[f"{rule}-{k}" for k, (rule, _) in enumerate(STORIES)])
def test_a_rule_tells_right_from_wrong(rule: str, story: Pair) -> None:
    right, wrong = story
    held, violated = right().judged(rule), wrong().judged(rule)
    assert held.ruling is Ruling.HELD, held
    assert violated.ruling is Ruling.VIOLATED, violated


def test_every_judged_rule_has_a_story() -> None:
    assert sorted(PAIRS) == sorted(JUDGES)


@pytest.mark.parametrize("rule", sorted(JUDGES))
def test_a_rule_that_was_never_put_to_the_test_is_unknown(rule: str) -> None:
    # Nobody asks anything of anybody in this story.
    judgement = Story(nodes=(replace(node("a"), register_us=None),)).judged(rule)
    assert judgement.ruling is Ruling.UNKNOWN
    assert judgement.tested == 0


# The other readings, where a rule means something else.


@pytest.mark.parametrize(("reading", "ruling"), [("literal", Ruling.VIOLATED), ("revive", Ruling.HELD)])
def test_revive_lets_a_poll_bring_a_lapsed_node_back(reading: str, ruling: Ruling) -> None:
    story = outage_of_a_day(lapses_us=DAY + 10 * MS)
    story.reading = READINGS[reading]
    story.edge("server", 24 * HOUR + 30 * MINUTE, EdgeKind.STARTED)
    story.asks("a", POLL, 26 * HOUR)
    story.turns("a", 26 * HOUR + 10 * MS, LAPSED, REGISTERED, TransitionReason.GRANTED)
    assert story.judged("R035").ruling is ruling


def test_thirteenth_miss_waits_for_a_poll_beyond_the_day() -> None:
    # The poll at 24 h fails and lapses nobody; the one at 26 h does, 10 ms later.
    story = outage_of_a_day(lapses_us=None)
    story.reading = READINGS["thirteenth-miss"]
    story.misses("a", 26 * HOUR)
    story.turns("a", 26 * HOUR + 10 * MS, INTERRUPTED, LAPSED, SILENCE)
    assert story.judged("R033").ruling is Ruling.HELD


def test_twelve_strikes_counts_attempts_however_fast_they_come() -> None:
    # The administrator clicks eleven times within a minute after the first missed poll: that makes twelve.
    story = Story(reading=READINGS["twelve-strikes"])
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.misses("a", 2 * HOUR, first=True)
    for k in range(1, 12):
        at_us = 2 * HOUR + k * SECOND
        number = story.asks("a", REGISTER, at_us, REFUSED_PORT)
        story.lists("a", at_us + 10 * MS, Code.NO_CONNECTION, number)
    story.turns("a", 2 * HOUR + 11 * SECOND + 10 * MS, INTERRUPTED, LAPSED, SILENCE)
    assert story.judged("R033").ruling is Ruling.HELD


def test_windows_close_drops_every_slot_at_a_stop() -> None:
    story = Story(reading=READINGS["windows-close"])
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.slot("a", HOUR + MINUTE, SlotChange.DROPPED, 0)
    story.edge("server", HOUR + MINUTE, EdgeKind.STARTED)
    story.asks("a", POLL, 2 * HOUR, 0)
    assert story.judged("R034").ruling is Ruling.HELD


def test_cluster_is_one_counts_a_cluster_once() -> None:
    members = (node("a", cluster="c"), node("b", cluster="c", address=FIRST + 1))
    story = Story(nodes=members, capacity=1, reading=READINGS["cluster-is-one"])
    story.asks("a", REGISTER, 0)
    story.asks("b", REGISTER, MINUTE)
    assert story.judged("R019").ruling is Ruling.HELD
    story.reading = READINGS["literal"]
    assert story.judged("R018").ruling is Ruling.VIOLATED


def test_an_overlap_is_noted_as_grace_and_violates_nothing() -> None:
    # Requests are lost; the slot is void at 24 h + 5 ms + 1 us, the node waits until 24 h + 30 s.
    cut = Event(index=0, at_us=HOUR, verb=Verb.NETWORK_CUT, nodes=("a",), direction="requests")
    story = Story(cut)
    story.registers("a")
    for k in range(1, 13):
        story.misses("a", 2 * k * HOUR, LOST, first=k == 1)
    story.slot("a", DAY + 5 * MS + 1, SlotChange.VOID, 0)
    story.turns("a", DAY + 30 * SECOND, INTERRUPTED, LAPSED, SILENCE)
    judgement = story.judged("R034")
    assert judgement.ruling is Ruling.HELD
    # 30 s less 5 ms and 1 us.
    assert [note.message for note in judgement.notes] == [
        "access outlives the slot by 29994999 us (grace: its last poll may still be answered)"
    ]


def test_a_rule_that_crashes_is_unknown_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("out of ink")

    monkeypatch.setitem(JUDGES, "R005", crash)
    story = Story()
    story.asks("a", REGISTER, 0)
    judgements = judge(story.scenario, story.reading, story.trace)
    assert judgements["R005"].ruling is Ruling.UNKNOWN
    assert judgements["R005"].trouble == "crashed: RuntimeError: out of ink"
    assert judgements["R006"].ruling is Ruling.HELD
