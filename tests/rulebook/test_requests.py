"""What each request has to be answered, and what a node may make of the answer, at the boundaries and in awkward cases.

Nodes a, b and c sit at 192.168.100.25, .26 and .27 of the licensed 192.168.100.25 to .40; a packet takes 5 ms each way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.rulebook import Ruling
from harness.rulebook.checks import due
from harness.rulebook.history import History
from harness.scenario import Event, Verb
from harness.trace import NEVER, EdgeKind, Outcome, Status, TransitionReason, Verdict
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
    SECOND,
    START,
    Story,
    node,
)

REGISTER, POLL, UNBIND = Kind.REGISTER, Kind.POLL, Kind.UNBIND
HELD, VIOLATED, UNKNOWN = Ruling.HELD, Ruling.VIOLATED, Ruling.UNKNOWN
REGISTERED, REJECTED = Status.REGISTERED, Status.REJECTED


def owed(story: Story) -> list[int]:
    """Return what was due to each request of a story."""
    return [each.verdict for each in due(History(story.scenario, story.reading, story.trace))]


# The chain of checks.

#: Fails every check of the licence. Healing one attribute after the other shows the checks in their order.
WRONG = node("a", version="other", address=FIRST + 99, domain="b.example", application="x", port=9000)
STRICT: dict[str, Any] = {"domains": ("a.example",), "applications": ("report1",), "ports": (8068,)}


@pytest.mark.parametrize(
    ("healed", "expired", "suspended", "code"),
    [
        ({}, True, True, 30000),
        ({}, False, True, 30001),
        ({"version": "FineDataLink"}, False, True, 30002),
        ({"version": "FineDataLink"}, False, False, 30003),
        ({"version": "FineDataLink", "address": FIRST}, False, False, 30004),
        ({"version": "FineDataLink", "address": FIRST, "domain": "a.example"}, False, False, 30005),
        (
            {"version": "FineDataLink", "address": FIRST, "domain": "a.example", "application": "report1"},
            False,
            False,
            0,
        ),
    ],
)
def test_the_first_failing_check_is_due(healed: dict[str, Any], expired: bool, suspended: bool, code: int) -> None:
    story = Story(nodes=(replace(WRONG, **healed),), expires_us=START if expired else None, **STRICT)
    if suspended:
        story.edge("server", 0, EdgeKind.LICENCE_SUSPENDED)
    story.asks("a", REGISTER, MINUTE, code)
    assert owed(story) == [code]


@pytest.mark.parametrize(("form", "check"), [(10000, "data"), (10001, "parameters")])
def test_bytes_that_are_no_request_are_judged_by_nothing_else(form: int, check: str) -> None:
    story = Story(nodes=(WRONG,), expires_us=START, **STRICT)
    story.asks("a", REGISTER, 0, form, form=form)
    (only,) = due(History(story.scenario, story.reading, story.trace))
    assert (only.verdict, only.failing) == (form, (check,))


def test_an_unbind_is_checked_for_its_address_and_its_slot_alone() -> None:
    # a fails every check of the licence but holds a slot; b never held one; c held one, and asks from outside.
    story = Story(nodes=(replace(WRONG, address=FIRST), node("b"), node("c")), expires_us=START, **STRICT)
    story.edge("server", 0, EdgeKind.LICENCE_SUSPENDED)
    story.asks("a", REGISTER, 0)
    story.asks("c", REGISTER, 0)
    story.asks("a", UNBIND, MINUTE)
    story.asks("b", UNBIND, MINUTE, 20000)
    story.asks("c", UNBIND, MINUTE, 30003, address=FIRST + 99)
    assert owed(story)[2:] == [Verdict.GRANTED, 20000, 30003]


@pytest.mark.parametrize(
    ("address", "code"),
    [(FIRST - 1, 30003), (FIRST, GRANTED), (FIRST + 15, GRANTED), (FIRST + 16, 30003), (FIRST + 40, GRANTED)],
)
@pytest.mark.parametrize("right", [True, False])
def test_a_range_ends_where_it_says(address: int, code: int | str, right: bool) -> None:
    # A range of sixteen and a single address are licensed: each end is, and nothing one beyond it.
    ranges = ((FIRST, FIRST + 15), (FIRST + 40, FIRST + 40))
    story = Story(nodes=(node("a", address=address), node("b", address=FIRST + 99)), ranges=ranges)
    story.asks("b", REGISTER, 0, 30003)
    story.asks("a", REGISTER, MINUTE, code if right else (GRANTED if code == 30003 else 30003))
    assert story.judged("R115").ruling is (HELD if right else VIOLATED)


def test_a_single_address_is_no_range() -> None:
    story = Story(nodes=(node("a"),), ranges=((FIRST, FIRST),))
    story.asks("a", REGISTER, 0)
    assert story.judged("R021").ruling is UNKNOWN


@pytest.mark.parametrize(("age_us", "due_code"), [(105 * MINUTE - 1, 0), (105 * MINUTE, Verdict.GRANTED)])
def test_a_clone_is_no_move(age_us: int, due_code: int) -> None:
    # a polls from a new address before and at 1 h 45 min after its last accepted request.
    story = Story()
    story.asks("a", REGISTER, 0)
    story.asks("a", POLL, age_us, due_code if due_code >= 0 else GRANTED, address=FIRST + 9)
    assert owed(story)[1] == due_code


def test_a_register_moves_at_once() -> None:
    story = Story()
    story.asks("a", REGISTER, 0)
    story.asks("a", REGISTER, MINUTE, address=FIRST + 9)
    assert owed(story) == [Verdict.GRANTED, Verdict.GRANTED]


def test_the_issuers_suspension_holds_from_its_start_up_to_its_end() -> None:
    story = Story()
    story.edge("server", MINUTE, EdgeKind.LICENCE_SUSPENDED)
    story.edge("server", HOUR, EdgeKind.LICENCE_RESUMED)
    for at_us in (MINUTE - 1, MINUTE, HOUR - 1, HOUR):
        story.asks("a", REGISTER, at_us - 5 * MS)
    assert owed(story) == [Verdict.GRANTED, 30002, 30002, Verdict.GRANTED]


def test_capacity_and_one_more() -> None:
    # Two slots: the first two get one, the third does not, the second may ask again.
    story = Story(capacity=2)
    for name, told in (("a", GRANTED), ("b", GRANTED), ("c", 30007), ("b", GRANTED)):
        story.asks(name, REGISTER, MINUTE, told)
    assert owed(story) == [Verdict.GRANTED, Verdict.GRANTED, 30007, Verdict.GRANTED]


# Answers that no check explains.


@pytest.mark.parametrize("code", [0, 12345])
def test_no_request_is_refused_for_nothing(code: int) -> None:
    # Nothing is wrong with a, which is the first of all.
    story = Story()
    story.lists("a", 10 * MS, Code.INCORRECT_LICENSE_FORMAT, story.asks("a", REGISTER, 0, code))
    judgement = story.judged("R107")
    assert judgement.ruling is VIOLATED
    assert judgement.first is not None
    assert judgement.first.message == "refused for no reason of the table where a grant is due"


def test_a_reason_of_the_table_is_not_hidden() -> None:
    story = Story(nodes=(node("a", address=FIRST + 99),))
    story.lists("a", 10 * MS, Code.INCORRECT_LICENSE_FORMAT, story.asks("a", REGISTER, 0, 0))
    assert story.judged("R107").ruling is VIOLATED
    assert story.judged("R115").ruling is VIOLATED


@pytest.mark.parametrize(("capacity", "ruling"), [(1, VIOLATED), (2, HELD)])
def test_a_poll_gets_no_slot_of_a_full_server(capacity: int, ruling: Ruling) -> None:
    # b holds no slot, and its poll is granted all the same; that is R035's business where one is free.
    story = Story(capacity=capacity)
    story.asks("a", REGISTER, 0)
    story.asks("b", POLL, MINUTE)
    assert story.judged("R018").ruling is ruling
    assert story.judged("R035").ruling is VIOLATED


@pytest.mark.parametrize(("told", "ruling"), [(30001, HELD), (GRANTED, VIOLATED)])
def test_a_translated_request_is_never_granted(told: int | str, ruling: Ruling) -> None:
    # The version fails before the address does.
    story = Story(nodes=(node("a", version="other"),))
    story.asks("a", REGISTER, 0, told, reported=FIRST + 1)
    assert story.judged("R025").ruling is ruling


def test_a_malformed_request_says_nothing_of_applications() -> None:
    story = Story()
    story.asks("a", REGISTER, 0, 10000, form=10000)
    story.asks("a", UNBIND, MINUTE, 20000)
    assert story.judged("R067").ruling is UNKNOWN


# What a node may make of an answer.


@pytest.mark.parametrize("kind", [REGISTER, POLL, UNBIND])
@pytest.mark.parametrize("told", [30002, 0, LOST, ANSWER_LOST])
def test_nothing_but_a_grant_is_positive(kind: Kind, told: int | str) -> None:
    story = Story()
    story.registers("a")
    story.asks("a", kind, HOUR, told, outcome=Outcome.POSITIVE)
    judgement = story.judged("R006")
    assert judgement.ruling is VIOLATED
    assert judgement.violations == 1
    assert judgement.first is not None
    assert judgement.first.message == "the node took for a grant what was none"


def test_an_answer_counts_when_it_is_there() -> None:
    # The grant arrives at 10 ms, and the node says that it was granted at 9.
    story = Story()
    story.asks("a", REGISTER, 0, ended_us=9 * MS)
    assert story.judged("R006").ruling is VIOLATED


def test_a_release_is_no_grant() -> None:
    story = Story()
    story.asks("a", REGISTER, 0)
    story.trace.exchanges.column("content")[0] = NEVER
    assert story.judged("R006").ruling is VIOLATED
    assert story.judged("R005").ruling is VIOLATED
    story.trace.exchanges.column("outcome")[0] = Outcome.NEGATIVE
    assert story.judged("R006").ruling is HELD


def items(**changed: Any) -> Details:
    """Return the five items as the node below is licensed for, but for those that are ``changed``."""
    licensed: dict[str, Any] = {
        "function_points": ("FineDataLink",),
        "access_domains": ("a.example",),
        "access_ports": (8068,),
        "application_names": ("report1",),
        "expires_us": START + DAY,
    }
    return Details(**(licensed | changed))


@pytest.mark.parametrize(
    ("details", "passes"),
    [
        (items(), True),
        (items(function_points=("FineDataLink", "FineReport")), True),
        (items(function_points=()), False),
        (items(function_points=("FineReport",)), False),
        (items(access_domains=()), True),
        (items(access_domains=("b.example",)), False),
        (items(access_ports=()), True),
        (items(access_ports=(8069,)), False),
        (items(application_names=()), True),
        (items(application_names=("report2",)), False),
        (items(expires_us=None), True),
        # Dated 5 ms after sending, received 10 ms after sending: 15 ms past the start.
        (items(expires_us=START + 15 * MS), False),
        (items(expires_us=START + 15 * MS + 1), True),
    ],
)
def test_the_node_validates_each_item(details: Details, passes: bool) -> None:
    for outcome in (Outcome.POSITIVE, Outcome.NEGATIVE):
        story = Story(nodes=(node("a", domain="a.example", port=8068),))
        story.asks("a", REGISTER, 0, details=details, outcome=outcome)
        right = passes == (outcome is Outcome.POSITIVE)
        assert story.judged("R006").ruling is (HELD if right else VIOLATED)


def test_a_refusal_closes_access_unless_the_reading_takes_it_for_silence() -> None:
    for reading, ruling in (("literal", VIOLATED), ("twelve-strikes", HELD)):
        story = Story(reading=READINGS[reading])
        story.registers("a")
        number = story.asks("a", POLL, 2 * HOUR, 30002)
        ended_us = 2 * HOUR + 10 * MS
        story.lists("a", ended_us, 30002, number)
        story.turns("a", ended_us, REGISTERED, Status.INTERRUPTED, TransitionReason.REFUSED)
        assert story.judged("R008").ruling is ruling


# Several things at one instant.


def lost_then_granted(wakes_us: int, **more: Any) -> Story:
    """a sends a poll into a cut, sleeps, and wakes to its timeout and to a poll that is answered within the instant."""
    cut = Event(index=0, at_us=HOUR, verb=Verb.NETWORK_CUT, until_us=3 * HOUR, nodes=("a",))
    story = Story(cut, **more)
    story.scenario = replace(story.scenario, network=replace(story.scenario.network, latency_us=0))
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.MOVED, FIRST + 9)
    lost = story.asks("a", POLL, 2 * HOUR, LOST, address=FIRST + 9, ended_us=wakes_us)
    story.lists("a", wakes_us, Code.NO_CONNECTION, lost)
    story.turns("a", wakes_us, REGISTERED, Status.INTERRUPTED, TransitionReason.UNANSWERED)
    granted = story.asks("a", POLL, wakes_us, address=FIRST + 9, ended_us=wakes_us)
    for column in ("arrived_us", "delivered_us"):
        story.trace.exchanges.column(column)[granted - 1] = wakes_us
    story.turns("a", wakes_us, Status.INTERRUPTED, REGISTERED, TransitionReason.GRANTED)
    return story


@pytest.mark.parametrize("rule", ["R013", "R022"])
def test_a_grant_right_after_a_lost_request_is_none_of_the_cut(rule: str) -> None:
    story = lost_then_granted(5 * HOUR)
    assert story.judged(rule).ruling is HELD
    # Without that grant the cut itself would have registered the node.
    story.trace.exchanges.column("outcome")[2] = Outcome.OPEN
    assert story.judged(rule).ruling is VIOLATED


@pytest.mark.parametrize(("shown", "ruling"), [(30002, HELD), (Code.NO_CONNECTION, VIOLATED)])
def test_a_success_in_the_same_instant_ends_what_is_shown_first(shown: int, ruling: Ruling) -> None:
    # "/" is listed and then the next poll granted at 5:00, so the refusal of 7:00 is a first failure again. That of
    # 9:00 is not, and makes the rule tested.
    story = lost_then_granted(5 * HOUR, reading=READINGS["first-in-time"])
    for hour, code in ((7, 30002), (9, 30003)):
        number = story.asks("a", POLL, hour * HOUR, code, address=FIRST + 9)
        story.lists("a", hour * HOUR + 10 * MS, code, number, shown=shown)
    assert story.judged("R108").ruling is ruling


def test_the_node_shows_the_latest_failure_unless_the_reading_keeps_the_first() -> None:
    for reading, ruling in (("literal", VIOLATED), ("first-in-time", HELD)):
        story = Story(reading=READINGS[reading])
        story.lists("a", 30 * SECOND, Code.NO_CONNECTION, story.asks("a", REGISTER, 0, LOST))
        number = story.asks("a", REGISTER, MINUTE, 30002)
        story.lists("a", MINUTE + 10 * MS, 30002, number, shown=Code.NO_CONNECTION)
        assert story.judged("R108").ruling is ruling


# Whose reason it is.


def test_members_without_their_rows_are_told_apart_from_those_with_them() -> None:
    # Three members fail for three reasons; the row of the last one is missing.
    members = (
        node("a", cluster="c", application="x"),
        node("b", cluster="c", address=FIRST + 99),
        node("c", cluster="c", version="other"),
    )
    story = Story(nodes=members, applications=("report1",))
    for name, code in (("a", 30005), ("b", 30003)):
        story.lists(name, 10 * MS, code, story.asks(name, REGISTER, 0, code))
    story.asks("c", REGISTER, 0, 30001)
    judgement = story.judged("R105")
    assert (judgement.tested, judgement.violations) == (3, 1)
    assert judgement.first is not None
    assert judgement.first.node == "c"


def test_a_verdict_is_never_listed_as_a_slash() -> None:
    story = Story()
    story.lists("b", 30 * SECOND, Code.NO_CONNECTION, story.asks("b", REGISTER, 0, LOST))
    assert story.judged("R119").ruling is HELD
    story.lists("a", 10 * MS, Code.NO_CONNECTION, story.asks("a", REGISTER, 0, 30002))
    assert story.judged("R119").ruling is VIOLATED


@pytest.mark.parametrize("rule", ["R005", "R006", "R007", "R021", "R067"])
def test_beats_are_counted_poll_by_poll(rule: str) -> None:
    # One register and eleven polls that were counted instead of simulated.
    story = Story()
    story.registers("a")
    story.beats("a", 2 * HOUR, 11)
    judgement = story.judged(rule)
    assert (judgement.ruling, judgement.tested) == (HELD, 12)


@pytest.mark.parametrize("reading", sorted(READINGS))
def test_a_register_is_judged_alike_in_every_reading(reading: str) -> None:
    # Only the cluster's one slot makes a difference: its second member needs no second one.
    members = (node("a", cluster="c"), node("b", cluster="c", address=FIRST + 1))
    story = Story(nodes=members, capacity=1, reading=READINGS[reading])
    story.asks("a", REGISTER, 0)
    story.asks("b", REGISTER, MINUTE)
    expected = Verdict.GRANTED if reading == "cluster-is-one" else 30007
    assert owed(story) == [Verdict.GRANTED, expected]


# What is an occasion and what is none.


def nobody_else_holds_a_slot() -> Story:
    story = Story()
    story.asks("a", REGISTER, 0)
    story.asks("a", REGISTER, MINUTE)
    return story


def b_is_no_member() -> Story:
    story = Story()
    story.asks("a", REGISTER, 0)
    story.asks("b", REGISTER, 0)
    return story


def a_member_joins_its_cluster() -> Story:
    """c is nobody's member; a and b are one cluster, which takes one slot for both."""
    members = tuple(node(name, cluster="one", address=FIRST + k) for k, name in enumerate("ab"))
    story = Story(nodes=(*members, node("c", address=FIRST + 2)), reading=READINGS["cluster-is-one"])
    for minute, name in enumerate("cab"):
        story.asks(name, REGISTER, minute * MINUTE)
    return story


def moved(address: int, kind: Kind = POLL, told: int | str = GRANTED) -> Story:
    story = Story()
    story.registers("a")
    story.edge("a", 2 * HOUR, EdgeKind.MOVED, address)
    story.asks("a", kind, 2 * HOUR, told, address=address)
    return story


def moved_on() -> Story:
    """a moves outside, but on to a licensed address before it asks anything."""
    story = Story()
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.MOVED, FIRST + 99)
    story.edge("a", 2 * HOUR, EdgeKind.MOVED, FIRST + 9)
    story.asks("a", POLL, 2 * HOUR, address=FIRST + 9)
    return story


def moved_there_and_back() -> Story:
    """a asks from the licensed address to which it moved only when it has been elsewhere since."""
    story = Story()
    story.registers("a")
    for hour, address in ((1, FIRST + 9), (2, FIRST + 99), (3, FIRST + 9)):
        story.edge("a", hour * HOUR, EdgeKind.MOVED, address)
    story.asks("a", POLL, 3 * HOUR, address=FIRST + 9)
    return story


def unlisted_in_vain() -> Story:
    story = Story(nodes=(node("a", application="x"),), applications=("report1",))
    story.asks("a", REGISTER, 0, 10001, form=10001)
    story.asks("a", UNBIND, MINUTE, 20000)
    return story


def standalone_refused() -> Story:
    story = Story()
    story.lists("a", 10 * MS, 30002, story.asks("a", REGISTER, 0, 30002))
    return story


def turned_down_by_the_node() -> Story:
    """a turns a grant down for its domain, which is a reason of the table."""
    story = Story()
    number = story.asks("a", REGISTER, 0, details=items(access_domains=("b.example",)), outcome=Outcome.NEGATIVE)
    story.lists("a", 10 * MS, 30004, number)
    return story


@pytest.mark.parametrize(
    ("rule", "story", "tested"),
    [
        ("R017", nobody_else_holds_a_slot(), 0),
        ("R017", b_is_no_member(), 1),
        ("R018", nobody_else_holds_a_slot(), 1),
        ("R018", b_is_no_member(), 2),
        ("R018", unlisted_in_vain(), 0),
        ("R018", a_member_joins_its_cluster(), 2),
        ("R019", b_is_no_member(), 0),
        ("R019", a_member_joins_its_cluster(), 2),
        ("R011", moved(FIRST + 9), 1),
        ("R011", moved(FIRST + 9, UNBIND), 0),
        ("R011", moved(FIRST + 16, told=30003), 0),
        ("R011", moved_on(), 1),
        ("R011", moved_there_and_back(), 1),
        ("R023", moved(FIRST + 9), 0),
        ("R023", moved(FIRST + 16, told=30003), 1),
        ("R023", moved_on(), 0),
        ("R066", unlisted_in_vain(), 0),
        ("R105", standalone_refused(), 0),
        ("R107", turned_down_by_the_node(), 0),
    ],
)
def test_only_what_puts_a_rule_to_the_test_is_counted(rule: str, story: Story, tested: int) -> None:
    judgement = story.judged(rule)
    assert (judgement.tested, judgement.violations) == (tested, 0)


def test_a_move_to_where_no_answer_comes_from_registers_nobody() -> None:
    cut = Event(index=0, at_us=HOUR, verb=Verb.NETWORK_CUT, nodes=("a",), direction="answers")
    for outcome, ruling in ((Outcome.UNANSWERED, HELD), (Outcome.POSITIVE, VIOLATED)):
        story = Story(cut)
        story.registers("a")
        story.edge("a", HOUR, EdgeKind.MOVED, FIRST + 9)
        story.asks("a", POLL, 2 * HOUR, ANSWER_LOST, address=FIRST + 9, outcome=outcome)
        assert story.judged("R022").ruling is ruling


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (GRANTED, "a grant where 30007 is due"),
        (30002, "30002 where 30007 is due"),
        (0, "Incorrect License Format where 30007 is due"),
        ("nothing", "no answer where 30007 is due"),
    ],
)
def test_a_wrong_answer_is_told_beside_the_one_that_is_due(told: int | str, message: str) -> None:
    story = Story(capacity=1)
    story.asks("a", REGISTER, 0)
    story.asks("b", REGISTER, MINUTE, told)
    first = story.judged("R118").first
    assert first is not None
    assert (first.at_us, first.node, first.message) == (MINUTE + 5 * MS, "b", message)


def test_a_code_that_is_not_due_is_told_too() -> None:
    story = Story()
    story.asks("a", REGISTER, 0, 30007)
    first = story.judged("R118").first
    assert first is not None
    assert first.message == "30007 where a grant is due"
