"""What the world decides of packets, a wire with a network is told: each loss, rejection, delay and refusal."""

from __future__ import annotations

from typing import Any

import pytest

from harness.network import Way
from harness.scenario import Event, Verb
from harness.wires import Memory
from harness.world import run
from reference_server.protocol import Poll, Register, Request
from reference_server.readings import LITERAL
from tests.harness.stage import a_world, event
from tests.rulebook.hand import FIRST, HOUR, MS


class _Noting(Memory):
    """A wire that notes what its network is told."""

    def __init__(self, *made_from: Any) -> None:
        super().__init__(*made_from)
        self.told: list[tuple[Any, ...]] = []

    def lose(self, address: int, way: Way) -> None:
        self.told.append(("lose", address, way))

    def reject(self, address: int) -> None:
        self.told.append(("reject", address))

    def hold(self, address: int, request: Request | bytes) -> None:
        self.told.append(("hold", address, kind(request)))

    def refuse(self, address: int, request: Request | bytes) -> None:
        self.told.append(("refuse", address, kind(request)))

    def ask(self, request: Request | bytes, *instant: Any) -> Any:
        self.told.append(("ask", kind(request)))
        return super().ask(request, *instant)


def kind(request: Request | bytes) -> object:
    return type(request), request.number if isinstance(request, Request) else 0


def told(*events: Event) -> list[tuple[Any, ...]]:
    """Return what the network of a wire is told in 5 h, in which a node registers at 0 and polls at 2 h and 4 h."""
    made: list[_Noting] = []

    def noting(*made_from: Any) -> _Noting:
        made.append(_Noting(*made_from))
        return made[-1]

    run(a_world(*events, duration_us=5 * HOUR), LITERAL, wire=noting)
    return made[0].told


REGISTERED, AT_2H, AT_4H = ("ask", (Register, 1)), ("ask", (Poll, 2)), ("ask", (Poll, 3))


def test_nothing_where_nothing_happens() -> None:
    assert told() == [REGISTERED, AT_2H, AT_4H]


def test_what_is_lost() -> None:
    requests = event(HOUR, Verb.NETWORK_CUT, "a", lasts_us=2 * HOUR, direction="requests")
    assert told(requests) == [REGISTERED, ("lose", FIRST, Way.UP), AT_4H]
    answers = event(HOUR, Verb.NETWORK_CUT, "a", lasts_us=2 * HOUR, direction="answers")
    assert told(answers) == [REGISTERED, AT_2H, ("lose", FIRST, Way.DOWN), AT_4H]


def test_what_a_firewall_rejects() -> None:
    firewall = event(HOUR, Verb.FIREWALL_REJECT, "a", lasts_us=2 * HOUR, direction="requests")
    assert told(firewall) == [REGISTERED, ("reject", FIRST), AT_4H]


@pytest.mark.parametrize("verb", [Verb.NETWORK_DELAY, Verb.NETWORK_REORDER])
def test_what_takes_longer(verb: Verb) -> None:
    longer = event(HOUR, verb, "a", lasts_us=2 * HOUR, by_us=3 * HOUR // 2, direction="requests")
    assert told(longer) == [REGISTERED, ("hold", FIRST, (Poll, 2)), AT_2H, AT_4H]
    # The next one is sent before it arrives.
    overtaken = event(HOUR, verb, "a", lasts_us=2 * HOUR, by_us=5 * HOUR // 2, direction="requests")
    assert told(overtaken) == [REGISTERED, ("hold", FIRST, (Poll, 2)), AT_4H, AT_2H]
    never = event(HOUR, verb, "a", lasts_us=2 * HOUR, by_us=4 * HOUR, direction="requests")
    assert told(never) == [REGISTERED, ("hold", FIRST, (Poll, 2)), AT_4H]
    answers = event(HOUR, verb, "a", lasts_us=2 * HOUR, by_us=MS, direction="answers")
    assert told(answers) == [REGISTERED, AT_2H, AT_4H]


def test_a_copy_takes_longer_and_the_packet_itself_does_not() -> None:
    copied = event(HOUR, Verb.NETWORK_DUPLICATE, "a", lasts_us=2 * HOUR, by_us=MS, direction="requests")
    assert told(copied) == [REGISTERED, AT_2H, AT_2H, AT_4H]


def test_what_a_port_refuses_comes_from_the_node_itself() -> None:
    stop = event(HOUR, Verb.SERVER_STOP, lasts_us=2 * HOUR)
    nat = event(HOUR, Verb.NAT_ADD, "a", lasts_us=2 * HOUR, address=FIRST + 50)
    assert told(stop, nat) == [REGISTERED, ("refuse", FIRST, (Poll, 2)), AT_4H]


def test_nothing_is_told_of_what_is_not_sent() -> None:
    silent = event(HOUR, Verb.DNS_STOP, lasts_us=2 * HOUR)
    unknown = event(HOUR, Verb.NODE_POINT, "a")
    cut = event(HOUR, Verb.NETWORK_CUT, "a", lasts_us=2 * HOUR)
    assert told(silent, unknown, cut) == [REGISTERED, AT_4H]
