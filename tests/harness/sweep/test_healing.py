"""The repair of a world, and who must be registered after it, worked out by hand.

Node a registers at 0 and polls every two hours; a packet takes 5 ms each way. A world of 26 h is repaired at 26 h
1 min. Nodes remember an answer of the DNS for 5 min, so they have until 28 h 6 min and a round trip; then all are
registered by hand.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from fake_fdl_nodes.fleet import NodeSetup
from harness.runner import Job, run_one
from harness.scenario import Certificate, Event, Verb
from harness.sweep.healing import Unhealed, heal, unhealed
from harness.systems import Choice
from reference_server.authority import Authority, Reply
from reference_server.protocol import Instant, Malformed, Request
from reference_server.readings import LITERAL
from tests.harness.stage import a_world, event
from tests.planted_bugs.polls import Discouraged
from tests.rulebook.hand import DAY, FIRST, HOUR, MINUTE, MS, START, node

END = 26 * HOUR
REPAIRED = END + MINUTE
ASKED = REPAIRED + 5 * MINUTE + 2 * HOUR + 10 * MS
REGISTERED = ASKED + 10 * MS


def after(*events: Event, node: Choice = None, server: Choice = None, **world: Any) -> list[Unhealed]:
    """Return who has no registration after the repair of a world of 26 h."""
    healed = heal(a_world(*events, duration_us=END, **world))
    result = run_one(Job(scenario=healed.scenario, reading=LITERAL), node=node, server=server)
    assert not result.violated or node is not None or server is not None
    return unhealed(healed, result)


def test_when_what_has_to_be_so() -> None:
    healed = heal(a_world(duration_us=END))
    assert (healed.repaired_us, healed.asked_us, healed.registered_us) == (REPAIRED, ASKED, REGISTERED)
    assert healed.scenario.duration_us == REGISTERED
    assert healed.entitled == ("a",)


FOR_GOOD = (
    event(25 * HOUR, Verb.SERVER_STOP),
    event(25 * HOUR, Verb.SERVER_HANG),
    event(25 * HOUR, Verb.SERVER_REBOOT),
    event(25 * HOUR, Verb.SERVER_CRASH_AT, moment="stored"),
    event(25 * HOUR, Verb.DISK_FILL),
    event(25 * HOUR, Verb.IDENTITY_DRIFT),
    event(25 * HOUR, Verb.SERVER_MOVE, address=FIRST + 50),
    event(25 * HOUR, Verb.NODE_CRASH, "a"),
    event(25 * HOUR, Verb.NODE_SUSPEND, "a"),
    event(25 * HOUR, Verb.NODE_MOVE, "a", address=FIRST + 200),
    event(25 * HOUR, Verb.NODE_POINT, "a", address=FIRST + 50),
    event(25 * HOUR, Verb.NETWORK_CUT, "a"),
    event(25 * HOUR, Verb.NAT_ADD, "a", address=FIRST + 60),
    event(25 * HOUR, Verb.TLS_TRUST, "a", ca="other"),
    event(25 * HOUR, Verb.TLS_USE, ca="other", certificate=Certificate(ca="other")),
    event(25 * HOUR, Verb.LICENCE_SUSPEND),
    event(25 * HOUR, Verb.LICENCE_CHANGE, changes=(("ranges", ((1 << 24, 1 << 24),)),)),
    event(END, Verb.SERVER_SUSPEND),
)


@pytest.mark.parametrize("fault", FOR_GOOD, ids=lambda fault: fault.verb.value)
def test_whatever_is_wrong_for_good_is_repaired(fault: Event) -> None:
    assert after(fault) == []


def test_an_expired_licence_is_renewed_and_a_lowered_capacity_raised() -> None:
    two = (node("a"), node("b", address=FIRST + 1))
    lowered = event(HOUR, Verb.LICENCE_CHANGE, changes=(("capacity", 1),))
    assert after(lowered, nodes=two, capacity=1, expires_us=START + DAY) == []


def test_a_drift_that_gave_way_to_another_is_no_obstacle() -> None:
    drifts = [event(k * HOUR, Verb.CLOCK_DRIFT, host="server", ppm=Fraction(k)) for k in (1, 2)]
    assert after(*drifts, event(25 * HOUR, Verb.SERVER_REBOOT)) == []


def test_who_is_not_licensed_and_who_is_a_copy_is_not_entitled() -> None:
    nodes = (
        node("a"),
        node("b", address=FIRST + 1, application="other"),
        node("c", address=1 << 24),
        NodeSetup(name="d", address=FIRST + 3, application="report1", register_us=None, clone_of="a"),
    )
    assert heal(a_world(nodes=nodes, applications=("report1",))).entitled == ("a",)


def test_a_node_that_holds_a_slot_has_to_come_back_by_itself() -> None:
    # Its poll at 26 h finds the server stopped, and then it polls no more: though it holds a slot until 48 h, it is
    # interrupted still when the administrator is asked. That helps.
    (found,) = after(event(25 * HOUR, Verb.SERVER_STOP), node=Discouraged)
    assert (found.node, found.at_us) == ("a", ASKED)
    assert found.message.startswith("interrupted, though it holds a slot")


def test_a_node_that_lost_its_slot_needs_its_administrator_and_that_is_all() -> None:
    # The server's wall clock is set 25 h ahead, and the next start voids the slot: the poll at 26 h is refused, and the
    # node is rejected until it is registered by hand.
    ahead = event(HOUR, Verb.CLOCK_STEP, host="server", by_us=25 * HOUR)
    assert after(ahead, event(25 * HOUR, Verb.SERVER_STOP, lasts_us=MINUTE)) == []


class Tired(Authority):
    """Answers nothing from its fourth request on."""

    _handled = 0

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        self._handled += 1
        reply = super().handle(request, source, now)
        return reply if self._handled < 4 else reply._replace(answer=None)


def test_an_administrator_who_registers_in_vain_is_told_of() -> None:
    # Last contact is at 4 h, so at 28 h the node has lapsed, and nobody expects it to come back by itself.
    (found,) = after(server=Tired)
    assert (found.node, found.at_us) == ("a", REGISTERED)
    assert found.message == "lapsed, though its administrator registered it at 1d 04:06:00.010000"


def test_nothing_is_said_where_no_server_could_grant_a_registration() -> None:
    assert after(event(25 * HOUR, Verb.SERVER_DESTROY)) == []
    # The crash comes with the first request of all, after the repair.
    assert after(event(25 * HOUR, Verb.SERVER_CRASH_AT), nodes=(node("a", register_us=None),)) == []


def test_a_node_whose_earlier_state_was_put_back_may_need_more_than_one_try() -> None:
    # The registers with the numbers 1 and 2 were refused for want of a slot, and the state of before is put back. By
    # now the capacity is raised, but the server repeats its answers to these two: the third try is granted.
    full = (node("b", address=FIRST + 1), node("a", register_us=HOUR))
    events = (
        event(2 * HOUR, Verb.NODE_REGISTER, "a"),
        event(3 * HOUR, Verb.NODE_STOP, "a", lasts_us=HOUR),
        event(3 * HOUR + 1, Verb.NODE_ROLLBACK, "a", to_us=1),
    )
    assert after(*events, nodes=full, capacity=1) == []
