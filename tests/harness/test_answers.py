"""What reaches a node in place of an answer, and the certificates that it does or does not trust.

Node a registers at 0 and polls every two hours. A packet takes 5 ms each way, the node waits 30 s.
"""

from __future__ import annotations

import pytest

from harness.scenario import Certificate, Event, Verb
from harness.trace import NEVER, Outcome, Spoilt, Status, Verdict
from reference_server.protocol import Code, format_address
from tests.harness.stage import LATENCY, broken, event, exchanges, play, turns
from tests.rulebook.hand import HOUR, MS, SECOND, START, node

ROUND_TRIP = 2 * LATENCY
AT, LASTS = 2 * HOUR - SECOND, 2 * SECOND


@pytest.mark.parametrize(
    ("how", "ended_us", "outcome", "code"),
    [
        # What cannot be read is silence, and so is an answer to another request: the node waits for its 30 s.
        ("garbage", 30 * SECOND, Outcome.UNANSWERED, Code.NO_CONNECTION),
        ("replay", 30 * SECOND, Outcome.UNANSWERED, Code.NO_CONNECTION),
        # What is made out to another installation, or not signed by the server, fails the node's own validation.
        ("foreign", ROUND_TRIP, Outcome.NEGATIVE, Code.INCORRECT_LICENSE_FORMAT),
        ("forged", ROUND_TRIP, Outcome.NEGATIVE, Code.INCORRECT_LICENSE_FORMAT),
    ],
)
def test_a_spoilt_answer(how: str, ended_us: int, outcome: Outcome, code: Code) -> None:
    spoil = event(AT, Verb.ANSWER_SPOIL, "a", lasts_us=LASTS, how=how)
    trace = play(spoil, duration_us=5 * HOUR)
    poll, following = exchanges(trace)[1:]
    assert (poll.verdict, Spoilt(poll.spoilt).name.lower()) == (Verdict.GRANTED, how)
    assert (poll.ended_us - poll.sent_us, poll.outcome) == (ended_us, outcome)
    assert [row.code for row in trace.failures] == [code]
    assert following.outcome == Outcome.POSITIVE
    assert not broken(spoil, duration_us=5 * HOUR)


def test_a_replay_of_nothing_is_garbage() -> None:
    spoil = event(0, Verb.ANSWER_SPOIL, "a", how="replay", lasts_us=SECOND)
    assert exchanges(play(spoil))[0].spoilt == Spoilt.GARBAGE


def test_a_replay_is_never_the_answer_to_the_same_request() -> None:
    # The poll at 2 h arrives twice. In place of either answer comes that to the register.
    twice = event(AT, Verb.NETWORK_DUPLICATE, "a", lasts_us=LASTS, by_us=SECOND, direction="requests")
    spoil = event(AT, Verb.ANSWER_SPOIL, "a", lasts_us=5 * SECOND, how="replay")
    assert exchanges(play(twice, spoil))[1].outcome == Outcome.UNANSWERED
    assert not broken(twice, spoil)


def test_a_refusal_can_neither_be_made_out_to_another_nor_forged() -> None:
    outside = (node("a", address=1 << 24),)
    for how in ("foreign", "forged"):
        asked = exchanges(play(event(0, Verb.ANSWER_SPOIL, "a", how=how), nodes=outside))[0]
        assert (asked.verdict, asked.spoilt, asked.outcome) == (Code.LICENSE_IP_ERROR, Spoilt.NO, Outcome.NEGATIVE)


# What a node reports as its address.


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        # IPv4-mapped IPv6 is the IPv4 address (E26); any other IPv6 address is no address of the protocol (R115, Q43).
        ("::ffff:192.168.100.25", Verdict.GRANTED),
        ("::ffff:192.168.100.26", Code.LICENSE_IP_ERROR),
        ("fd00::25", Code.PARAM_INPUT_ERROR),
        ("::1", Code.PARAM_INPUT_ERROR),
        ("010.0.0.1", Code.PARAM_INPUT_ERROR),
    ],
)
def test_the_address_that_a_node_reports(text: str, verdict: int) -> None:
    report = event(HOUR, Verb.NODE_REPORT, "a", lasts_us=2 * HOUR, text=text)
    trace = play(report, duration_us=5 * HOUR)
    assert [each.verdict for each in exchanges(trace)[1:]] == [verdict, Verdict.GRANTED]
    assert not broken(report, duration_us=5 * HOUR)


@pytest.mark.parametrize(("text", "code"), [("", 10000), ("hello", 10000), ("[]", 10000), ("{}", 10001)])
def test_what_a_node_says_in_place_of_a_request(text: str, code: int) -> None:
    # R109 and R110: what is no JSON object, and one without parameters.
    report = event(HOUR, Verb.NODE_REPORT, "a", lasts_us=2 * HOUR, text=text, whole=True)
    trace = play(report, duration_us=5 * HOUR)
    assert [each.verdict for each in exchanges(trace)[1:]] == [code, Verdict.GRANTED]
    assert not broken(report, duration_us=5 * HOUR)


# Certificates. The scenario starts at `START` on every wall clock that was not stepped.


def presented(**certificate: object) -> Event:
    return event(HOUR, Verb.TLS_USE, lasts_us=2 * HOUR, certificate=Certificate(**certificate))  # type: ignore[arg-type]


ADDRESS = format_address(0xAC103F83)


@pytest.mark.parametrize(
    ("certificate", "trusted"),
    [
        ({}, True),
        ({"ca": "another"}, False),
        ({"name": ADDRESS}, True),
        ({"name": "172.16.63.132"}, False),
        ({"name": "fdl.example.com"}, False),
        # The certificate is looked at when the request arrives, at 2 h and 5 ms; both ends of its time are valid.
        ({"until_us": START + 2 * HOUR + LATENCY}, True),
        ({"until_us": START + 2 * HOUR + LATENCY - 1}, False),
        ({"from_us": START + 2 * HOUR + LATENCY}, True),
        ({"from_us": START + 2 * HOUR + LATENCY + 1}, False),
    ],
)
def test_whom_a_node_trusts(certificate: dict[str, object], trusted: bool) -> None:
    use = presented(**certificate)
    trace = play(use, duration_us=5 * HOUR)
    poll, following = exchanges(trace)[1:]
    assert poll.verdict == (Verdict.GRANTED if trusted else Verdict.UNTRUSTED)
    assert poll.outcome == (Outcome.POSITIVE if trusted else Outcome.UNANSWERED)
    # Either way it is known a round trip after the sending.
    assert poll.ended_us == 2 * HOUR + ROUND_TRIP
    assert following.outcome == Outcome.POSITIVE
    assert not broken(use, duration_us=5 * HOUR)


def test_who_asks_for_a_name_is_shown_its_certificate() -> None:
    for name, verdict in (("fdl.example.com", Verdict.GRANTED), (ADDRESS, Verdict.UNTRUSTED)):
        assert exchanges(play(presented(name=name), nodes=(node("a", by_name=True),)))[1].verdict == verdict


def test_the_time_of_a_certificate_is_looked_up_on_the_nodes_own_wall_clock() -> None:
    # It is valid up to 4 h, and the node's clock is three hours ahead.
    ahead = event(0, Verb.CLOCK_STEP, host="a", by_us=3 * HOUR)
    use = presented(until_us=START + 4 * HOUR)
    assert exchanges(play(use))[1].verdict == Verdict.GRANTED
    assert exchanges(play(use, ahead))[1].verdict == Verdict.UNTRUSTED
    assert not broken(use, ahead)


def test_a_rotated_authority_has_to_be_given_to_the_nodes() -> None:
    rotated = event(HOUR, Verb.TLS_USE, certificate=Certificate(ca="new"))
    trust = event(3 * HOUR, Verb.TLS_TRUST, "a", ca="new")
    trace = play(rotated, trust, duration_us=5 * HOUR)
    assert [each.verdict for each in exchanges(trace)[1:]] == [Verdict.UNTRUSTED, Verdict.GRANTED]
    assert turns(trace)[1:] == [
        (2 * HOUR + ROUND_TRIP, Status.INTERRUPTED),
        (4 * HOUR + ROUND_TRIP, Status.REGISTERED),
    ]
    # Who is given it too soon trusts nobody meanwhile.
    early = event(30 * 60 * SECOND, Verb.TLS_TRUST, "a", ca="new")
    late = event(3 * HOUR, Verb.TLS_USE, certificate=Certificate(ca="new"))
    assert [each.verdict for each in exchanges(play(early, late, duration_us=5 * HOUR))[1:]] == [
        Verdict.UNTRUSTED,
        Verdict.GRANTED,
    ]


def test_an_answer_never_reaches_a_program_that_was_started_since() -> None:
    # The poll at 2 h is on its way, the server being stopped, when the program is stopped, put back by a second to
    # before that poll, and started: it polls at once, again with number 2. The news of the first connection would come
    # at 2 h + 10 ms; it ended with the program that made it, and the second poll fails 10 ms after it was sent.
    stop = event(HOUR, Verb.SERVER_STOP)
    down = event(2 * HOUR + MS, Verb.NODE_STOP, "a", lasts_us=2 * MS)
    back = event(2 * HOUR + 2 * MS, Verb.NODE_ROLLBACK, "a", to_us=2 * HOUR - SECOND)
    first, again = exchanges(play(stop, down, back, duration_us=3 * HOUR))[1:]
    assert (first.number, first.outcome, first.delivered_us) == (2, Outcome.ABANDONED, NEVER)
    assert (again.number, again.sent_us, again.ended_us) == (2, 2 * HOUR + 3 * MS, 2 * HOUR + 13 * MS)
    assert not broken(stop, down, back, duration_us=3 * HOUR)
