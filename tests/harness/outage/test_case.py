"""A record as a scenario: what happens when, by whose clock, and what nobody wrote down."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.durations import parse_duration
from harness.outage.case import Assumed, Built, Case, Clock, case_of, scenario_of
from harness.outage.diagnosing import simulate
from harness.outage.record import NETWORK, Observation, Record, What
from harness.outage.reproducing import reproduction
from harness.scenario import SERVER, Event, Verb
from harness.scenario_file import loads, printed
from harness.trace import Status
from reference_server.codes import Code
from reference_server.protocol import Kind
from tests.harness.outage.hand import HOUR_US, LEAD_US, START_US, seen


def case(*observations: Observation) -> Case:
    return case_of(Record("by hand", tuple(sorted(observations, key=lambda each: each.at_us))))


def built(*observations: Observation) -> Built:
    return scenario_of(case(*observations))


def happens(found: Built, *verbs: Verb) -> list[tuple[str, tuple[str, ...]]]:
    """What happens, at which hour after the first line's day began."""
    hours = [(event, (event.at_us - LEAD_US) / HOUR_US) for event in found.scenario.events if event.verb in verbs]
    return [(f"{event.verb.value} {hour:g}", event.nodes) for event, hour in hours]


def registers(found: Built) -> dict[str, float | None]:
    return {
        node.name: None if node.register_us is None else (node.register_us - LEAD_US) / HOUR_US
        for node in found.scenario.nodes
    }


def test_recorded_facts_happen_when_they_were_recorded() -> None:
    found = built(
        seen(2, "0h", "fdl-1", What.REGISTERED),
        seen(3, "5h", SERVER, What.STOPPED),
        seen(4, "7h", SERVER, What.STARTED),
        seen(5, "8h", NETWORK, What.STOPPED, nodes=("fdl-1",)),
        seen(6, "9h", NETWORK, What.STARTED, nodes=("fdl-1",)),
        seen(7, "10h", "fdl-1", What.ADDRESS, address=0x0A000005),
        seen(8, "11h", "fdl-1", What.UNBOUND),
        seen(9, "12h", "fdl-1", What.REGISTERED),
        seen(10, "13h", "fdl-1", What.NOTE, text="nothing"),
    )
    assert registers(found) == {"fdl-1": 0}
    assert happens(found, *Verb) == [
        ("server.stop 5", ()),
        ("server.start 7", ()),
        ("network.cut 8", ("fdl-1",)),
        ("network.heal 9", ("fdl-1",)),
        ("node.move 10", ("fdl-1",)),
        ("node.unbind 11", ("fdl-1",)),
        ("node.register 12", ("fdl-1",)),
    ]
    assert found.unrecorded == ()


def test_a_start_without_a_stop_was_a_short_restart() -> None:
    found = built(seen(2, "0h", "fdl-1", What.REGISTERED), seen(3, "5h", SERVER, What.STARTED))
    # A minute before 5 h is 4.98333 h.
    assert happens(found, Verb.SERVER_STOP, Verb.SERVER_START) == [("server.stop 4.98333", ()), ("server.start 5", ())]


def test_a_second_stop_of_what_is_stopped_says_nothing_new() -> None:
    found = built(
        seen(2, "0h", SERVER, What.STOPPED), seen(3, "1h", SERVER, What.STOPPED), seen(4, "2h", "fdl-1", What.NOTE)
    )
    assert happens(found, Verb.SERVER_STOP) == [("server.stop 0", ())]


def test_a_node_that_first_fails_was_registered_where_its_polls_fall_on_its_rows() -> None:
    # It polled 10 ms before each row, and every 2 h before. The case begins at the full hour that is 30 h or more
    # before the first row, so that row is 30.5 h into it, and the first of 15 polls before it was half an hour into it.
    found = built(
        seen(2, "0.5h", "fdl-1", What.FAILED, code=Code.LICENSE_IP_ERROR),
        seen(3, "2.5h", "fdl-1", What.FAILED, code=Code.LICENSE_IP_ERROR),
    )
    (node,) = found.scenario.nodes
    assert node.register_us == HOUR_US // 2 - 10_000
    assert found.unrecorded == ()


def test_a_failure_off_the_rhythm_was_a_register_that_nobody_wrote_down() -> None:
    found = built(
        seen(2, "0h", "fdl-1", What.REGISTERED),
        seen(3, "2h", "fdl-1", What.FAILED, code=Code.LICENSE_IP_ERROR),
        seen(4, "3h", "fdl-1", What.FAILED, code=Code.LICENSE_IP_ERROR),
        # On the rhythm of the register an hour before.
        seen(5, "5h", "fdl-1", What.FAILED, code=Code.LICENSE_IP_ERROR),
    )
    assert [name for name, _ in found.unrecorded] == ["fdl-1"]
    assert [at_us for _, at_us in found.unrecorded] == [LEAD_US + 3 * HOUR_US - 10_000]


def test_a_register_that_was_written_down_as_failed_is_asked_though_a_poll_was_due() -> None:
    found = built(
        seen(2, "0h", "fdl-1", What.REGISTERED),
        seen(3, "2h", "fdl-1", What.FAILED, code=Code.LICENSE_IP_ERROR, asked=Kind.REGISTER),
        seen(4, "3h", "fdl-1", What.FAILED, code=Code.NO_CONNECTION, asked=Kind.UNBIND),
    )
    asks = [(event.verb, event.at_us - LEAD_US) for event in found.scenario.events]
    # 10 ms before their rows: the way there and back.
    assert asks == [(Verb.NODE_REGISTER, 2 * HOUR_US - 10_000), (Verb.NODE_UNBIND, 3 * HOUR_US - 10_000)]
    assert found.unrecorded == ()


@pytest.mark.parametrize(("late", "asked"), [("30s", 0), ("28s", 0), ("32s", 0), ("34s", 1), ("90s", 1), ("-4s", 1)])
def test_a_row_without_connection_may_come_a_timeout_after_its_poll(late: str, asked: int) -> None:
    # The rows of the record are to the second, and 2 s more are allowed: 27 to 33 s after the poll, or -3 to 3 s.
    at = parse_duration("2h") + parse_duration(late, signed=True)
    row = Observation(line=3, at_us=START_US + at, source="fdl-1", what=What.FAILED, code=Code.NO_CONNECTION)
    found = built(seen(2, "0h", "fdl-1", What.REGISTERED), row)
    assert len(found.unrecorded) == asked


def test_a_refused_register_is_one_of_a_node_that_was_never_registered() -> None:
    found = built(seen(2, "1h", "fdl-1", What.FAILED, code=Code.REGISTER_OUT_OF_LIMIT))
    assert registers(found) == {"fdl-1": None}
    assert found.unrecorded == (("fdl-1", LEAD_US - 10_000),)


def test_a_node_seen_unregistered_is_not_registered_by_us() -> None:
    found = built(seen(2, "1h", "fdl-1", What.STATUS, status=Status.UNREGISTERED))
    assert registers(found) == {"fdl-1": None}


def test_a_refused_unbind_was_asked_for() -> None:
    found = built(
        seen(2, "0h", "fdl-1", What.UNBOUND),
        seen(3, "1h", "fdl-1", What.FAILED, code=Code.DO_NOT_NEED_DEACTIVATE),
    )
    # It was registered before it was unbound: in the middle of the first period, being the only node.
    assert registers(found) == {"fdl-1": -29}
    asks = [(event.verb, event.at_us - LEAD_US) for event in found.scenario.events]
    assert asks == [(Verb.NODE_UNBIND, 0), (Verb.NODE_UNBIND, HOUR_US - 10_000)]
    assert found.unrecorded == ()


def test_a_node_whose_program_starts_was_registered_before() -> None:
    found = built(seen(2, "1h", "fdl-1", What.STARTED), seen(3, "2h", "fdl-1", What.STATUS, status=Status.REGISTERED))
    assert registers(found) == {"fdl-1": -29}


def test_an_expiry_is_no_poll() -> None:
    # The node lists its expiry at midnight, off its rhythm, and then its polls at 1 h, 3 h, ...
    found = built(
        seen(2, "0h", "fdl-1", What.FAILED, code=Code.LICENSE_EXPIRED),
        seen(3, "1h", "fdl-1", What.FAILED, code=Code.LICENSE_EXPIRED),
        seen(4, "3h", "fdl-1", What.FAILED, code=Code.LICENSE_EXPIRED),
    )
    (node,) = found.scenario.nodes
    # 31 h into the case, so 1 h into it at first.
    assert node.register_us == HOUR_US - 10_000
    assert found.unrecorded == ()


def test_of_two_rows_without_a_rhythm_the_first_may_be_the_expiry() -> None:
    found = built(
        seen(2, "0h", "fdl-1", What.FAILED, code=Code.LICENSE_EXPIRED),
        seen(3, "1h", "fdl-1", What.FAILED, code=Code.LICENSE_EXPIRED),
    )
    # The poll is that of 1 h, 31 h into the case; 15 periods before it, 1 h into it, was the first.
    assert found.scenario.nodes[0].register_us == HOUR_US - 10_000


def test_what_was_written_before_a_correction_was_wrong_by_it() -> None:
    # The clock was 10 min slow until it was corrected at 5:00 by its own reckoning, which was 5:10.
    found = built(
        seen(2, "0h", "fdl-1", What.REGISTERED),
        seen(3, "5h", "fdl-1", What.CLOCK, by_us=600_000_000),
        seen(4, "6h", "fdl-1", What.REGISTERED),
    )
    assert registers(found) == {"fdl-1": pytest.approx(1 / 6)}
    assert happens(found, Verb.NODE_REGISTER) == [("node.register 6", ("fdl-1",))]
    steps = [(event.at_us, event.by_us) for event in found.scenario.events if event.verb is Verb.CLOCK_STEP]
    assert steps == [(0, -600_000_000), (LEAD_US + 5 * HOUR_US + 600_000_000, 600_000_000)]


def test_a_silence_that_is_supposed_moves_the_poll_of_a_row() -> None:
    found = case(seen(2, "1h", "fdl-1", What.FAILED, code=Code.NO_CONNECTION))
    refused, silent = (
        scenario_of(found, Assumed(silences=silences)).scenario.nodes[0].register_us
        for silences in ((), (((), 0, found.duration_us),))
    )
    # 10 ms before the row, or 30 s.
    assert refused is not None
    assert silent is not None
    assert refused - silent == 29_990_000


def test_what_is_supposed_happens_too() -> None:
    found = scenario_of(
        case(seen(2, "0h", "fdl-1", What.REGISTERED)),
        Assumed(events=(Event(index=0, at_us=LEAD_US, verb=Verb.SERVER_STOP),)),
    )
    assert happens(found, Verb.SERVER_STOP) == [("server.stop 0", ())]
    assert [event.index for event in found.scenario.events] == list(range(len(found.scenario.events)))


def test_the_scenario_of_a_record_can_be_written_and_expects_what_was_seen() -> None:
    found = case(
        seen(2, "0h", "fdl-1", What.REGISTERED),
        seen(3, "5h", SERVER, What.STOPPED),
        seen(4, "7h", "fdl-1", What.STATUS, status=Status.INTERRUPTED),
        seen(5, "7h", SERVER, What.STATUS, count=1),
    )
    simulated = simulate(found)
    assert simulated is not None
    again = loads(printed(reproduction(found, simulated)))
    assert [(expect.at_us, expect.nodes, expect.status, expect.registered) for expect in again.expects] == [
        (LEAD_US + 7 * HOUR_US, (), None, 1),
        (LEAD_US + 7 * HOUR_US, ("fdl-1",), "interrupted", None),
    ]


def test_nothing_recorded_is_no_case() -> None:
    with pytest.raises(ValueError, match="nothing was recorded"):
        case_of(Record("empty.csv", ()))
    with pytest.raises(ValueError, match="no line tells of a node"):
        case(seen(2, "0h", SERVER, What.NOTE, text="hello"))


# Clocks.

STEPS = st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 10**10)), max_size=4, unique_by=lambda step: step[0])


@given(STEPS, st.integers(-50_000, 50_000), st.integers(0, 10**12))
def test_a_clock_that_is_only_set_forward_is_read_back(steps: list[tuple[int, int]], ppm: int, true_us: int) -> None:
    clock = Clock(tuple(sorted(steps)), Fraction(ppm))
    offset_us = sum(by_us for at_us, by_us in steps if at_us <= true_us)
    wall_us = round(true_us * (1 + Fraction(ppm, 1_000_000))) + offset_us
    # A drifting clock shows each microsecond a little longer or shorter.
    assert abs(clock.true_us(wall_us) - true_us) <= 2


def test_what_a_step_leaves_out_was_never_shown() -> None:
    clock = Clock(((100, 50),))
    assert [clock.true_us(wall_us) for wall_us in (99, 100, 149, 150, 151)] == [99, 100, 100, 100, 101]


def test_what_was_shown_twice_was_first_shown_before_the_step() -> None:
    clock = Clock(((100, -50),))
    assert [clock.true_us(wall_us) for wall_us in (50, 99, 100)] == [50, 99, 150]
