"""What a rule says of an occasion that broke it: when it was, at which node, and what."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest

from harness.rulebook import Ruling, Sides
from harness.scenario import Event, Verb
from harness.trace import SERVER_HOST, Edge, EdgeKind, Outcome, SlotChange, Status, Table, TransitionReason
from reference_server.protocol import Kind
from tests.rulebook.hand import DAY, FIRST, GRANTED, HOUR, LOST, MINUTE, MS, REFUSED_PORT, SECOND, START, Story

REGISTER, POLL, UNBIND = Kind.REGISTER, Kind.POLL, Kind.UNBIND
INTERRUPTED = "the node turned from registered to interrupted here, without a reason"
NOT_REJECTED = "the node did not turn from registered to rejected here"


def used_twice() -> Story:
    story = Story()
    story.registers("a")
    story._numbers[0] = 0
    story.asks("a", POLL, 2 * HOUR)
    return story


def used_in_a_run_before() -> Story:
    # The three polls of the run have the numbers 2, 3 and 4.
    story = Story()
    story.registers("a")
    story.beats("a", 2 * HOUR, 3)
    story._numbers[0] = 3
    story.asks("a", POLL, 8 * HOUR)
    return story


def released_by_another_date() -> Story:
    # The server's clock is set forward after the register; a release dated by the old time is an hour behind.
    story = Story(Event(index=0, at_us=MINUTE, verb=Verb.CLOCK_STEP, host="server", by_us=HOUR))
    story.asks("a", REGISTER, 0)
    story.asks("a", UNBIND, HOUR)
    return story


def answered_through_a_cut() -> Story:
    cut = Event(index=0, at_us=HOUR, verb=Verb.NETWORK_CUT, nodes=("a",), direction="answers")
    story = Story(cut)
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR)
    return story


def asked_through_a_cut() -> Story:
    cut = Event(index=0, at_us=HOUR, verb=Verb.NETWORK_CUT, nodes=("a",), direction="requests")
    story = Story(cut)
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR)
    return story


def registered_behind_a_closed_port() -> Story:
    story = Story(Event(index=0, at_us=HOUR, verb=Verb.FIREWALL_DROP, nodes=("a",), port=8081))
    story.asks("a", REGISTER, 2 * HOUR, LOST, outcome=Outcome.POSITIVE)
    return story


def passed_a_closed_port() -> Story:
    story = Story(Event(index=0, at_us=HOUR, verb=Verb.FIREWALL_DROP, nodes=("a",), port=8081))
    # The very instant at which it is closed.
    story.asks("a", REGISTER, HOUR)
    return story


def refused_after_a_long_stop() -> Story:
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.slot("a", DAY + 5 * MS + 1, SlotChange.VOID, 0)
    story.edge("server", 26 * HOUR, EdgeKind.STARTED)
    story.asks("a", REGISTER, 27 * HOUR, 30007)
    return story


def not_listed() -> Story:
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.asks("a", POLL, 2 * HOUR, REFUSED_PORT)
    story.turns("a", 2 * HOUR + 10 * MS, Status.REGISTERED, Status.INTERRUPTED, TransitionReason.UNANSWERED)
    return story


def destroyed_and_answering() -> Story:
    story = Story()
    story.edge("server", HOUR, EdgeKind.DESTROYED)
    story.asks("b", REGISTER, 2 * HOUR)
    return story


def polled_early() -> Story:
    story = Story()
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR - 1)
    return story.until(3 * HOUR)


def accepted_a_forged_grant() -> Story:
    story = Story()
    story.asks("a", REGISTER, 0, signature="simulated:forged")
    return story


def accepted_a_forged_release() -> Story:
    story = Story()
    story.registers("a")
    story.asks("a", UNBIND, HOUR, signature="simulated:forged")
    return story


def interrupted_for_nothing() -> Story:
    story = Story()
    story.registers("a")
    story.turns("a", HOUR, Status.REGISTERED, Status.INTERRUPTED, TransitionReason.UNANSWERED)
    return story


def goes_on_after_its_expiry() -> Story:
    # The grant of 6:00 carries the date of 6:00 and 5 ms, so a licence that ends at 7:00 has an hour less 5 ms to run.
    story = Story(expires_us=START + 7 * HOUR)
    story.registers("a")
    story.beats("a", 2 * HOUR, 3)
    return story.until(7 * HOUR)


def turned_down_a_right_grant() -> Story:
    story = Story()
    story.asks("a", REGISTER, 0, outcome=Outcome.NEGATIVE)
    return story


def granted_by_another_date() -> Story:
    # Set forward by an hour before, which the grant does not know.
    story = Story(Event(index=0, at_us=MINUTE, verb=Verb.CLOCK_STEP, host="server", by_us=HOUR))
    story.asks("a", REGISTER, HOUR)
    return story


#: By what is told: the rule, when it was, the node, and what is said.
FOUND: list[tuple[Callable[[], Story], str, int, str, str]] = [
    (used_twice, "R032", 2 * HOUR, "a", "the number 1 was used twice"),
    (used_in_a_run_before, "R032", 8 * HOUR, "a", "the number 4 was used twice"),
    (released_by_another_date, "R005", HOUR + 5 * MS, "a", "the date of a release is not the server's"),
    (answered_through_a_cut, "R013", 2 * HOUR + 5 * MS, "a", "an answer passed a cut"),
    (asked_through_a_cut, "R013", 2 * HOUR, "a", "a request passed a cut"),
    (registered_behind_a_closed_port, "R100", 2 * HOUR + 30 * SECOND, "a", "registered although the port is closed"),
    (passed_a_closed_port, "R100", HOUR, "a", "a request passed a closed port"),
    (refused_after_a_long_stop, "R030", 27 * HOUR + 5 * MS, "a", "the register after a long stop was refused"),
    (not_listed, "R027", 2 * HOUR + 10 * MS, "a", "the failed request is not listed"),
    (destroyed_and_answering, "R125", 2 * HOUR + 5 * MS, "b", "a destroyed server answered"),
    (polled_early, "R031", 2 * HOUR - 1, "a", "a poll 1 us early"),
    (
        accepted_a_forged_grant,
        "R006",
        10 * MS,
        "a",
        "the node accepted a grant that fails validation (Incorrect License Format)",
    ),
    (
        accepted_a_forged_release,
        "R006",
        HOUR + 10 * MS,
        "a",
        "the node accepted a grant that fails validation (Incorrect License Format)",
    ),
    (interrupted_for_nothing, "R027", HOUR, "a", INTERRUPTED),
    (goes_on_after_its_expiry, "R008", 7 * HOUR - 5 * MS, "a", NOT_REJECTED),
    (turned_down_a_right_grant, "R006", 10 * MS, "a", "the node turned down a grant"),
    (granted_by_another_date, "R005", HOUR + 5 * MS, "a", "the grant's date is -3600000000 us off the server's"),
]


@pytest.mark.parametrize(("tell", "rule", "at_us", "node", "message"), FOUND, ids=[each[0].__name__ for each in FOUND])
def test_what_is_found(tell: Callable[[], Story], rule: str, at_us: int, node: str, message: str) -> None:
    judged = tell().judged(rule)
    assert (judged.ruling, judged.violations) == (Ruling.VIOLATED, 1)
    assert judged.first is not None
    assert (judged.first.at_us, judged.first.node, judged.first.message) == (at_us, node, message)


def test_a_number_may_be_used_again_where_an_earlier_state_was_put_back() -> None:
    story = used_twice()
    assert story.judged("R032").ruling is Ruling.VIOLATED
    story.edge("a", HOUR, EdgeKind.ROLLED_BACK)
    assert story.judged("R032").ruling is Ruling.HELD


def test_numbers_that_follow_a_run_are_fresh() -> None:
    story = Story()
    story.registers("a")
    story.beats("a", 2 * HOUR, 3)
    story.asks("a", POLL, 8 * HOUR)
    assert story.judged("R032").ruling is Ruling.HELD


def test_a_poll_that_comes_late_was_missing_and_is_one_too_many() -> None:
    story = Story()
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR + 1)
    judged = story.until(3 * HOUR).judged("R031")
    assert judged.violations == 2
    assert judged.first is not None
    assert (judged.first.at_us, judged.first.message) == (2 * HOUR, "a poll that was due was not sent")


@pytest.mark.parametrize(
    ("at_us", "told"), [(HOUR - 1, GRANTED), (HOUR, LOST), (3 * HOUR - 1, LOST), (3 * HOUR, GRANTED)]
)
def test_a_port_is_closed_from_the_instant_on_up_to_which_it_is_lifted(at_us: int, told: str) -> None:
    drop = Event(index=0, at_us=HOUR, verb=Verb.FIREWALL_DROP, nodes=("a",), port=8081)
    lift = Event(index=1, at_us=3 * HOUR, verb=Verb.FIREWALL_LIFT, nodes=("a",))
    story = Story(drop, lift)
    story.asks("a", REGISTER, at_us, told)
    judged = story.judged("R100")
    assert (judged.ruling, judged.tested) == ((Ruling.HELD, 1) if told == LOST else (Ruling.UNKNOWN, 0))


@pytest.mark.parametrize(("early_us", "tested"), [(1, 2), (0, 1)])
def test_an_outage_is_shown_by_what_is_asked_in_under_a_day(early_us: int, tested: int) -> None:
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.misses("a", 2 * HOUR, first=True)
    story.misses("a", HOUR + DAY - early_us)
    assert story.judged("R027").tested == tested


def cloned(change: SlotChange, capacity: int) -> Story:
    """a holds a slot of the server, and 2 h later something happens to one of b at a copy of the server's machine."""
    story = Story(capacity=capacity)
    story.registers("a")
    story.trace.edges.add(HOUR, SERVER_HOST - 1, EdgeKind.CLONED, 0, 1)
    story.trace.slots.add(2 * HOUR, 1, change, FIRST + 1, 1, 1)
    return story


def test_two_machines_with_one_licence_that_hold_too_much_are_noted() -> None:
    (note,) = cloned(SlotChange.TAKEN, 1).judged("R018").notes
    assert (note.at_us, note.node) == (2 * HOUR, "b")
    assert note.message == "two machines with one licence hold 2 slots of 1"
    assert cloned(SlotChange.TAKEN, 2).judged("R018").notes == ()
    assert cloned(SlotChange.MOVED, 1).judged("R018").notes == ()
    # Nor is anything held at a server that has no slots.
    story = Story(capacity=1)
    story.trace.edges.add(HOUR, SERVER_HOST - 1, EdgeKind.CLONED, 0, 1)
    story.trace.slots.add(2 * HOUR, 1, SlotChange.TAKEN, FIRST + 1, 1, 1)
    assert story.judged("R018").notes == ()
    # One machine alone is no matter of a copy.
    story = Story(capacity=1)
    story.registers("a")
    story.registers("b", HOUR, live=2)
    assert story.judged("R018").notes == ()


@pytest.mark.parametrize(("later_us", "ruling"), [(0, Ruling.VIOLATED), (1, Ruling.UNKNOWN)])
def test_what_a_slow_server_answers_may_leave_after_the_cut(later_us: int, ruling: Ruling) -> None:
    # The poll of 2:00 arrives 5 ms later; its answer came through a cut unless the server may have been slow then.
    cut = Event(index=0, at_us=HOUR, verb=Verb.NETWORK_CUT, nodes=("a",), direction="answers")
    slow = Event(index=1, at_us=HOUR, verb=Verb.SERVER_SLOW, until_us=2 * HOUR + 5 * MS + later_us, by_us=1)
    story = Story(cut, slow)
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR)
    assert story.judged("R013").ruling is ruling


# R028: who comes back by itself, to the microsecond.


def back_at(back_us: int, *, polls: bool = True) -> Story:
    """a, registered at 0, misses the poll of 2:00 and sends the next one at 4:00; the server is back at ``back_us``."""
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.misses("a", 2 * HOUR, first=True)
    story.edge("server", back_us, EdgeKind.STARTED)
    if polls:
        story.asks("a", POLL, 4 * HOUR)
        story.turns("a", 4 * HOUR + 10 * MS, Status.INTERRUPTED, Status.REGISTERED, TransitionReason.GRANTED)
    return story


@pytest.mark.parametrize("back_us", [3 * HOUR, 4 * HOUR, 4 * HOUR + 5 * MS])
def test_a_poll_that_arrives_as_the_server_returns_is_a_reconnection(back_us: int) -> None:
    judged = back_at(back_us).judged("R028")
    assert (judged.ruling, judged.tested) == (Ruling.HELD, 1)


@pytest.mark.parametrize(("end_us", "ruling"), [(4 * HOUR, Ruling.VIOLATED), (4 * HOUR - 1, Ruling.UNKNOWN)])
def test_a_reconnection_that_is_due_as_the_run_ends_is_missed(end_us: int, ruling: Ruling) -> None:
    assert back_at(3 * HOUR, polls=False).until(end_us).judged("R028").ruling is ruling


@pytest.mark.parametrize(("end_us", "tested"), [(4 * HOUR + 10 * MS, 1), (4 * HOUR + 10 * MS - 1, 0)])
def test_a_reconnection_is_judged_if_its_answer_comes_in_the_run(end_us: int, tested: int) -> None:
    assert back_at(3 * HOUR).until(end_us).judged("R028").tested == tested


@pytest.mark.parametrize(
    ("put_back_us", "tested"), [(HOUR - 1, 1), (HOUR, 0), (27 * HOUR, 0), (27 * HOUR + 1, 1), (None, 1)]
)
def test_a_stop_in_which_an_earlier_state_was_put_back_proves_nothing(put_back_us: int | None, tested: int) -> None:
    # The first stop is from 1:00 to 27:00, which is 26 h. A second one is judged whatever happened in the first.
    story = Story(days=5)
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.slot("a", DAY + 5 * MS + 1, SlotChange.VOID, 0)
    story.edge("server", 27 * HOUR, EdgeKind.STARTED)
    story.asks("b", REGISTER, 28 * HOUR)
    story.slot("b", 28 * HOUR + 5 * MS, SlotChange.TAKEN, 1)
    story.edge("server", 29 * HOUR, EdgeKind.STOPPED)
    story.slot("b", 52 * HOUR + 5 * MS + 1, SlotChange.VOID, 0)
    story.edge("server", 55 * HOUR, EdgeKind.STARTED)
    if put_back_us is not None:
        # What is put back is what there was, and rows are told in the order of time.
        story.edge("server", put_back_us, EdgeKind.ROLLED_BACK, value=put_back_us)
        story.trace.edges = in_order(story.trace.edges)
    # That of b, and that of a if its stop proves something.
    assert story.judged("R026").tested == 1 + tested


def in_order(edges: Table[Edge]) -> Table[Edge]:
    """Return the edges in order; at one instant a state is put back after the stop and before the start."""
    ordered = Table(Edge)
    for each in sorted(edges, key=lambda edge: (edge.at_us, edge.what == EdgeKind.STARTED)):
        ordered.add(*each)
    return ordered


def test_a_poll_that_succeeds_is_no_register_and_hides_none() -> None:
    story = Story()
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR)
    story.registers("b", 3 * HOUR)
    judged = story.judged("R098")
    assert (judged.ruling, judged.tested) == (Ruling.HELD, 2)


def test_the_node_reckons_what_is_left_of_a_licence_by_its_own_clock() -> None:
    # a's clocks run twice as fast: 10 ms after sending they show 20 ms more. The grant is dated 5 ms past 0, so a
    # licence that ends at 25 ms is over by then, and one that ends at 25 ms and a microsecond is not.
    fast = Event(index=0, at_us=0, verb=Verb.CLOCK_DRIFT, host="a", ppm=Fraction(1_000_000))
    for left_us, outcome in ((25 * MS, Outcome.NEGATIVE), (25 * MS + 1, Outcome.POSITIVE)):
        story = Story(fast, expires_us=START + left_us)
        story.asks("a", REGISTER, 0, outcome=outcome)
        assert story.judged("R006").ruling is Ruling.HELD


@pytest.mark.parametrize(("polled_us", "sides"), [(2 * HOUR, Sides(1, 0, 0)), (None, Sides(0, 1, 0))])
def test_how_far_a_reconnection_is_from_the_limit_counts_from_the_last_contact(
    polled_us: int | None, sides: Sides
) -> None:
    # Registered at 2:00; the server is down from 3:00 to just before 26:00, at which the 12th poll is due.
    story = Story()
    story.registers("a", 2 * HOUR)
    if polled_us is not None:
        story.asks("a", POLL, 4 * HOUR)
    story.edge("server", 5 * HOUR if polled_us is not None else 3 * HOUR, EdgeKind.STOPPED)
    first = 6 if polled_us is not None else 4
    for k in range(first, 25, 2):
        story.misses("a", k * HOUR, first=k == first)
    story.edge("server", 25 * HOUR, EdgeKind.STARTED)
    story.asks("a", POLL, 26 * HOUR)
    story.turns("a", 26 * HOUR + 10 * MS, Status.INTERRUPTED, Status.REGISTERED, TransitionReason.GRANTED)
    judged = story.judged("R028")
    assert (judged.ruling, judged.sides) == (Ruling.HELD, sides)
