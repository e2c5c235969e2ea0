"""Faults of the path in a world: what the node and the server make of packets that are late, damaged or translated.

Node a registers at 0 and polls every two hours from then on. A packet takes 5 ms each way, the node waits 30 s.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from harness.scenario import Verb
from harness.trace import NEVER, Outcome, Spoilt, Status, Verdict
from reference_server.protocol import Code
from tests.harness.stage import LATENCY, broken, event, exchanges, play, turns
from tests.rulebook.hand import FIRST, HOUR, MS, SECOND, node

#: From just before the poll at 2 h to just after the one at 4 h.
AT, LASTS = 2 * HOUR - SECOND, 2 * HOUR + 2 * SECOND
NAT = FIRST + 50


def test_a_rejected_connection_is_known_one_round_trip_later() -> None:
    faults = event(AT, Verb.FIREWALL_REJECT, "a", lasts_us=LASTS)
    trace = play(faults)
    poll = exchanges(trace)[1]
    assert (poll.verdict, poll.arrived_us, poll.delivered_us) == (Verdict.REJECTED, NEVER, 2 * HOUR + 2 * LATENCY)
    assert turns(trace)[1] == (2 * HOUR + 2 * LATENCY, Status.INTERRUPTED)
    assert not broken(faults)


def test_a_dropped_one_is_known_when_the_node_gives_up() -> None:
    faults = event(AT, Verb.FIREWALL_DROP, "a", lasts_us=LASTS)
    assert turns(play(faults, duration_us=7 * HOUR))[1:] == [
        (2 * HOUR + 30 * SECOND, Status.INTERRUPTED),
        (6 * HOUR + 2 * LATENCY, Status.REGISTERED),
    ]


def test_a_firewall_for_another_port_changes_nothing() -> None:
    faults = event(AT, Verb.FIREWALL_DROP, "a", lasts_us=LASTS, port=443)
    assert play(faults).digest() == play().digest()


def test_a_rule_of_a_firewall_is_lifted_by_its_own_verb() -> None:
    lifted = event(3 * HOUR, Verb.FIREWALL_LIFT, "a")
    healed = event(3 * HOUR, Verb.NETWORK_HEAL, "a")
    drop = event(AT, Verb.FIREWALL_DROP, "a", lasts_us=LASTS)
    assert [each.outcome for each in exchanges(play(drop, lifted))][1:3] == [Outcome.UNANSWERED, Outcome.POSITIVE]
    assert [each.outcome for each in exchanges(play(drop, healed))][1:3] == [Outcome.UNANSWERED, Outcome.UNANSWERED]


@pytest.mark.parametrize(
    ("kind", "addresses"),
    [("masquerade", (NAT, NAT)), ("proxy", (NAT, NAT)), ("one-to-one", (NAT, NAT + 1))],
)
def test_whoever_is_translated_is_refused(kind: str, addresses: tuple[int, int]) -> None:
    # Both addresses lie in the licensed range: what is refused is the translation itself (R025).
    nodes = (node("a"), node("b", address=FIRST + 1))
    faults = event(AT, Verb.NAT_ADD, "a", "b", lasts_us=LASTS, address=NAT, kind=kind)
    trace = play(faults, nodes=nodes, duration_us=7 * HOUR)
    for place, address in enumerate(addresses):
        polls = exchanges(trace, place)[1:4]
        assert [each.source for each in polls] == [address, address, FIRST + place]
        assert [each.verdict for each in polls] == [Code.LICENSE_IP_ERROR, Code.LICENSE_IP_ERROR, Verdict.GRANTED]
    assert not broken(faults, nodes=nodes)


def test_a_carrier_lets_each_request_come_from_one_of_a_pool() -> None:
    faults = event(AT, Verb.NAT_ADD, "a", address=NAT, last_address=NAT + 3, kind="carrier")
    polls = exchanges(play(faults, duration_us=100 * HOUR))[1:]
    assert {each.source for each in polls} == set(range(NAT, NAT + 4))
    assert {each.verdict for each in polls} == {Code.LICENSE_IP_ERROR}


def test_an_answer_does_not_find_its_way_through_a_translation_that_is_gone() -> None:
    faults = event(AT, Verb.NAT_ADD, "a", lasts_us=SECOND + LATENCY, address=NAT)
    poll = exchanges(play(faults))[1]
    assert (poll.verdict, poll.answer_lost, poll.outcome) == (Code.LICENSE_IP_ERROR, 1, Outcome.UNANSWERED)


def test_a_second_uplink_has_an_address_of_its_own() -> None:
    faults = event(AT, Verb.NODE_UPLINK, "a", lasts_us=LASTS, address=NAT)
    polls = exchanges(play(faults))[1:4]
    assert [(each.source, each.reported) for each in polls] == [(NAT, FIRST), (NAT, FIRST), (FIRST, FIRST)]
    assert turns(play(faults, duration_us=7 * HOUR))[1:] == [
        (2 * HOUR + 2 * LATENCY, Status.REJECTED),
        (6 * HOUR + 2 * LATENCY, Status.REGISTERED),
    ]


def test_a_delay_is_of_its_direction_alone() -> None:
    up = event(AT, Verb.NETWORK_DELAY, "a", lasts_us=LASTS, by_us=SECOND, direction="requests")
    down = event(AT, Verb.NETWORK_DELAY, "a", lasts_us=LASTS, by_us=SECOND, direction="answers")
    for faults, arrived_us in ((up, SECOND + LATENCY), (down, LATENCY)):
        poll = exchanges(play(faults))[1]
        assert (poll.arrived_us - poll.sent_us, poll.delivered_us - poll.sent_us) == (arrived_us, SECOND + 2 * LATENCY)
    assert not broken(up)


def test_a_delay_is_decided_when_the_packet_is_sent() -> None:
    faults = event(AT, Verb.NETWORK_DELAY, "a", lasts_us=SECOND + 1, by_us=SECOND, direction="requests")
    # Over before the request arrives, and before its answer is sent.
    poll = exchanges(play(faults))[1]
    assert poll.delivered_us == 2 * HOUR + SECOND + 2 * LATENCY


def test_what_takes_as_long_as_the_node_waits_is_in_time() -> None:
    for by_us, outcome in ((30 * SECOND - 2 * LATENCY, Outcome.POSITIVE), (30 * SECOND, Outcome.UNANSWERED)):
        faults = event(AT, Verb.NETWORK_DELAY, "a", lasts_us=LASTS, by_us=by_us, direction="answers")
        assert exchanges(play(faults))[1].outcome == outcome
        assert not broken(faults)


def test_a_held_back_request_is_overtaken_by_a_later_one() -> None:
    # The poll at 2 h is held back by 3 h: it arrives at 5 h, after that of 4 h, and changes nothing any more.
    faults = event(AT, Verb.NETWORK_REORDER, "a", lasts_us=2 * SECOND, by_us=3 * HOUR, direction="requests")
    first, second = exchanges(play(faults))[1:3]
    assert (first.arrived_us, first.outcome) == (5 * HOUR + LATENCY, Outcome.UNANSWERED)
    assert (second.arrived_us, second.outcome) == (4 * HOUR + LATENCY, Outcome.POSITIVE)
    assert not broken(faults)


def test_a_request_that_comes_twice_is_answered_twice_and_counts_once() -> None:
    faults = event(AT, Verb.NETWORK_DUPLICATE, "a", lasts_us=2 * SECOND, by_us=HOUR, direction="requests")
    trace = play(faults)
    assert [(copy.place, copy.arrived_us, copy.verdict) for copy in trace.copies] == [
        (1, 3 * HOUR + LATENCY, Verdict.GRANTED)
    ]
    assert exchanges(trace)[1].delivered_us == 2 * HOUR + 2 * LATENCY
    assert not broken(faults)


def test_a_copy_does_not_keep_a_slot_alive() -> None:
    # The node stops after the poll at 4 h. A copy of that poll comes at 27 h and renews nothing, so the slot is void
    # 24 h after the poll itself arrived, at 28 h and 5 ms.
    faults = [
        event(4 * HOUR - SECOND, Verb.NETWORK_DUPLICATE, "a", lasts_us=2 * SECOND, by_us=23 * HOUR),
        event(5 * HOUR, Verb.NODE_STOP, "a"),
    ]
    trace = play(*faults, duration_us=40 * HOUR)
    assert [(slot.at_us, slot.live) for slot in trace.slots][1:] == [(28 * HOUR + LATENCY + 1, 0)]
    assert not broken(*faults, duration_us=40 * HOUR)


def test_a_damaged_request_breaks_the_connection() -> None:
    faults = event(AT, Verb.NETWORK_CORRUPT, "a", lasts_us=2 * SECOND, direction="requests")
    poll = exchanges(play(faults))[1]
    assert (poll.verdict, poll.arrived_us) == (Verdict.BROKEN, 2 * HOUR + LATENCY)
    assert (poll.ended_us, poll.outcome) == (2 * HOUR + 2 * LATENCY, Outcome.UNANSWERED)
    assert not broken(faults)


def test_so_does_a_damaged_answer_though_the_server_did_what_it_did() -> None:
    faults = event(AT, Verb.NETWORK_CORRUPT, "a", lasts_us=2 * SECOND, direction="answers")
    poll = exchanges(play(faults))[1]
    assert (poll.verdict, poll.spoilt) == (Verdict.GRANTED, Spoilt.BROKEN)
    assert (poll.ended_us, poll.outcome) == (2 * HOUR + 2 * LATENCY, Outcome.UNANSWERED)
    assert not broken(faults)


def test_loss_by_chance_depends_on_the_seed_and_on_nothing_else() -> None:
    faults = event(0, Verb.NETWORK_LOSS, "a", percent=Fraction(30))
    first, again, other = (play(faults, seed=seed, duration_us=200 * HOUR) for seed in (1, 1, 2))
    assert first.digest() == again.digest() != other.digest()
    lost = sum(each.lost or each.answer_lost for each in exchanges(first))
    # A hundred polls, each lost on one of its two ways with a chance of 1 - 0.7 * 0.7 = 51 %.
    assert 25 <= lost <= 77
    assert not broken(faults, duration_us=200 * HOUR)


def test_heal_lifts_every_fault_of_a_path_and_leaves_its_firewall_and_translation() -> None:
    faults = [
        event(AT, Verb.NETWORK_CUT, "a"),
        event(AT, Verb.NETWORK_DELAY, "a", by_us=MS),
        event(AT, Verb.NETWORK_CORRUPT, "a"),
        event(AT, Verb.NAT_ADD, "a", address=NAT),
        event(3 * HOUR, Verb.NETWORK_HEAL, "a"),
        event(5 * HOUR, Verb.NAT_REMOVE, "a"),
    ]
    polls = exchanges(play(*faults, duration_us=7 * HOUR))[1:]
    assert [each.verdict for each in polls] == [Verdict.NONE, Code.LICENSE_IP_ERROR, Verdict.GRANTED]
    assert polls[1].delivered_us == 4 * HOUR + 2 * LATENCY


def test_a_node_does_not_cruise_while_one_of_its_packets_is_on_the_way() -> None:
    # The poll at 2 h arrives at 6 h, after that of 4 h, and is the last request that the server has accepted then.
    late = event(AT, Verb.NETWORK_DELAY, "a", lasts_us=2 * SECOND, by_us=4 * HOUR, direction="requests")
    # A copy of it comes when two newer requests have been answered, and is new to the server.
    copy = event(AT, Verb.NETWORK_DUPLICATE, "a", lasts_us=2 * SECOND, by_us=5 * HOUR, direction="requests")
    crash = event(7 * HOUR + 30 * 60 * SECOND, Verb.NODE_CRASH, "a")
    for faults in ([late], [copy, crash]):
        cruised, simulated = (play(*faults, duration_us=40 * HOUR, every_poll=each) for each in (False, True))
        assert cruised.digest() == simulated.digest()
        assert not broken(*faults, duration_us=40 * HOUR)
