"""Where the server is and how nodes find it: moves, port-forwarding, the DNS and what hosts remember of it.

Node a registers at 0 and polls every two hours. The server is at 172.16.63.131 until it moves.
"""

from __future__ import annotations

from dataclasses import replace

from harness.faults import plan
from harness.scenario import ServerSpec, Verb
from harness.trace import NEVER, Outcome, Status, Trace
from harness.world import run
from reference_server.readings import LITERAL
from tests.harness.stage import LATENCY, a_world, broken, event, exchanges, play, turns
from tests.rulebook.hand import FIRST, HOUR, MINUTE, SECOND, node

HERE, THERE, BOX = 0xAC103F83, 0xAC103F84, 0xCB007105
BY_NAME = (node("a", by_name=True),)


def outcomes(trace: Trace) -> list[Outcome]:
    return [Outcome(each.outcome) for each in exchanges(trace)]


def test_the_values_over_time() -> None:
    where = plan(
        a_world(
            event(10, Verb.SERVER_MOVE, address=THERE),
            event(20, Verb.DNS_CHANGE, address=BOX, lasts_us=10),
            event(40, Verb.DNS_STOP, lasts_us=10),
            event(50, Verb.FORWARD_ADD, address=BOX, lasts_us=10),
        )
    ).addressing
    assert [where.server(at) for at in (0, 9, 10, 99)] == [HERE, HERE, THERE, THERE]
    assert [where.record(at) for at in (19, 20, 29, 30, 39, 40, 49, 50)] == [
        HERE,
        BOX,
        BOX,
        HERE,
        HERE,
        None,
        None,
        HERE,
    ]
    assert [where.reaches(BOX, at) for at in (49, 50, 59, 60)] == [None, 0, 0, None]
    assert not where.plain
    assert plan(a_world(event(0, Verb.NETWORK_CUT, "a"))).addressing.plain


def test_a_server_that_moves_is_lost_to_nodes_that_have_its_address() -> None:
    move = event(HOUR, Verb.SERVER_MOVE, address=THERE)
    trace = play(move, duration_us=5 * HOUR)
    assert outcomes(trace) == [Outcome.POSITIVE, Outcome.UNANSWERED, Outcome.UNANSWERED]
    assert all(each.lost and each.arrived_us == NEVER for each in exchanges(trace)[1:])
    assert not broken(move)


def test_until_somebody_gives_them_the_new_one() -> None:
    events = [event(HOUR, Verb.SERVER_MOVE, address=THERE), event(3 * HOUR, Verb.NODE_POINT, "a", address=THERE)]
    assert outcomes(play(*events, duration_us=5 * HOUR)) == [Outcome.POSITIVE, Outcome.UNANSWERED, Outcome.POSITIVE]


def test_an_answer_that_was_on_its_way_is_not_called_back() -> None:
    # The request arrives at 2 h + 5 ms and the server moves right then: events come before arrivals, so it is lost.
    early = play(event(2 * HOUR + LATENCY, Verb.SERVER_MOVE, address=THERE))
    late = play(event(2 * HOUR + LATENCY + 1, Verb.SERVER_MOVE, address=THERE))
    assert [outcomes(trace)[1] for trace in (early, late)] == [Outcome.UNANSWERED, Outcome.POSITIVE]


def test_nodes_that_have_the_name_find_it_when_the_record_follows() -> None:
    # The record changes at 3 h; every poll asks anew, since answers are kept for 5 minutes.
    events = [event(HOUR, Verb.SERVER_MOVE, address=THERE), event(3 * HOUR, Verb.DNS_CHANGE, address=THERE)]
    trace = play(*events, nodes=BY_NAME, duration_us=5 * HOUR)
    assert outcomes(trace) == [Outcome.POSITIVE, Outcome.UNANSWERED, Outcome.POSITIVE]
    assert turns(trace)[-1] == (4 * HOUR + 2 * LATENCY, Status.REGISTERED)


def test_and_not_before_what_they_remember_is_too_old() -> None:
    # Answers are kept for 4 h: what was asked at 0 is believed up to, but not at, 4 h. What was asked at 4 h still
    # holds at 6 h, although the record is right from 4 h and one minute on.
    events = [
        event(HOUR, Verb.SERVER_MOVE, address=THERE),
        event(4 * HOUR + MINUTE, Verb.DNS_CHANGE, address=THERE),
    ]
    world = a_world(*events, nodes=BY_NAME, duration_us=9 * HOUR)
    world = replace(world, server=ServerSpec(ttl_us=4 * HOUR))
    expected = [Outcome.POSITIVE, Outcome.UNANSWERED, Outcome.UNANSWERED, Outcome.UNANSWERED, Outcome.POSITIVE]
    assert outcomes(run(world, LITERAL, every_poll=True)) == expected
    assert run(world, LITERAL).digest() == run(world, LITERAL, every_poll=True).digest()


def test_a_dns_that_does_not_answer_is_silence() -> None:
    down = event(HOUR, Verb.DNS_STOP, lasts_us=2 * HOUR)
    trace = play(down, nodes=BY_NAME, duration_us=5 * HOUR)
    assert outcomes(trace) == [Outcome.POSITIVE, Outcome.UNANSWERED, Outcome.POSITIVE]
    assert exchanges(trace)[1].ended_us == 2 * HOUR + 30 * SECOND
    # Who has the address does not ask.
    assert outcomes(play(down, duration_us=5 * HOUR)) == [Outcome.POSITIVE] * 3
    assert not broken(down, nodes=BY_NAME)


def test_a_wrong_record_leads_nowhere() -> None:
    wrong = event(HOUR, Verb.DNS_CHANGE, address=BOX, lasts_us=2 * HOUR)
    expected = [Outcome.POSITIVE, Outcome.UNANSWERED, Outcome.POSITIVE]
    assert outcomes(play(wrong, nodes=BY_NAME, duration_us=5 * HOUR)) == expected


def test_a_box_in_front_of_the_server_passes_connections_on() -> None:
    events = [event(HOUR, Verb.FORWARD_ADD, address=BOX), event(HOUR, Verb.NODE_POINT, "a", address=BOX)]
    trace = play(*events, duration_us=3 * HOUR)
    poll = exchanges(trace)[1]
    assert (poll.source, poll.outcome) == (FIRST, Outcome.POSITIVE)
    assert not broken(*events)


def test_one_that_hides_the_sender_makes_it_a_translation() -> None:
    events = [
        event(HOUR, Verb.FORWARD_ADD, address=BOX, hairpin=True),
        event(HOUR, Verb.NODE_POINT, "a", address=BOX),
    ]
    poll = exchanges(play(*events, duration_us=3 * HOUR))[1]
    assert (poll.source, poll.reported, poll.verdict) == (BOX, FIRST, 30003)
    assert not broken(*events)


def test_without_the_box_its_address_leads_nowhere() -> None:
    events = [
        event(HOUR, Verb.FORWARD_ADD, address=BOX, lasts_us=2 * HOUR),
        event(HOUR, Verb.NODE_POINT, "a", address=BOX),
    ]
    assert outcomes(play(*events, duration_us=5 * HOUR)) == [Outcome.POSITIVE, Outcome.POSITIVE, Outcome.UNANSWERED]


def test_whoever_is_pointed_at_the_name_forgets_the_address() -> None:
    events = [
        event(HOUR, Verb.SERVER_MOVE, address=THERE),
        event(HOUR, Verb.DNS_CHANGE, address=THERE),
        event(3 * HOUR, Verb.NODE_POINT, "a"),
    ]
    assert outcomes(play(*events, duration_us=5 * HOUR)) == [Outcome.POSITIVE, Outcome.UNANSWERED, Outcome.POSITIVE]


def test_of_several_records_in_force_the_latest_counts() -> None:
    where = plan(
        a_world(
            event(10, Verb.DNS_CHANGE, address=BOX, lasts_us=20),
            event(20, Verb.DNS_CHANGE, address=THERE, lasts_us=80),
            event(200, Verb.DNS_CHANGE, address=THERE),
            event(200, Verb.DNS_CHANGE, address=BOX),
        )
    ).addressing
    assert [where.record(at) for at in (9, 10, 19, 20, 30, 99, 100)] == [HERE, BOX, BOX, THERE, THERE, THERE, HERE]
    assert where.record(200) == BOX


def test_who_knows_no_address_is_refused_by_no_firewall() -> None:
    events = [event(HOUR, Verb.DNS_STOP), event(HOUR, Verb.FIREWALL_REJECT, "a")]
    poll = exchanges(play(*events, nodes=BY_NAME, duration_us=3 * HOUR))[1]
    assert (poll.lost, poll.ended_us) == (1, 2 * HOUR + 30 * SECOND)


def test_a_rebooted_host_remembers_no_address() -> None:
    # Answers are kept for a week, but not over a reboot.
    events = [
        event(HOUR, Verb.SERVER_MOVE, address=THERE),
        event(HOUR, Verb.DNS_CHANGE, address=THERE),
        event(3 * HOUR, Verb.NODE_REBOOT, "a", lasts_us=MINUTE),
    ]
    world = replace(a_world(*events, nodes=BY_NAME, duration_us=5 * HOUR), server=ServerSpec(ttl_us=168 * HOUR))
    expected = [Outcome.POSITIVE, Outcome.UNANSWERED, Outcome.POSITIVE]
    assert outcomes(run(world, LITERAL, every_poll=True)) == expected
