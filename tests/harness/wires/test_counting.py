"""Where slots cannot be seen, the program is asked how many are live, once for all that happens at an instant."""

from __future__ import annotations

from typing import Any

from harness.scenario import Verb
from harness.trace import NEVER
from harness.wires import Memory
from harness.world import run
from reference_server.protocol import Instant
from reference_server.readings import LITERAL
from tests.harness.stage import LATENCY, a_world, event
from tests.rulebook.hand import FIRST, HOUR, node


class _Blind(Memory):
    """A wire over which slots cannot be seen."""

    sees_slots = False

    def __init__(self, *made_from: Any) -> None:
        super().__init__(*made_from)
        self.asked: list[int] = []

    def registered(self, now: Instant) -> int | None:
        self.asked.append(now.boot_us)
        return super().registered(now)


def test_once_for_all_that_happens_at_an_instant() -> None:
    made: list[_Blind] = []

    def blind(*made_from: Any) -> _Blind:
        made.append(_Blind(*made_from))
        return made[-1]

    fleet = tuple(node(f"n{k}", address=FIRST + k, register_us=0) for k in range(5))
    stop = event(3 * HOUR, Verb.SERVER_STOP)
    trace = run(a_world(stop, nodes=fleet, duration_us=4 * HOUR), LITERAL, wire=blind)
    # At its start, with the registers and the polls of all five, and just before the stop, which ends it.
    assert made[0].asked == [0, LATENCY, 2 * HOUR + LATENCY, 3 * HOUR - 1]
    assert [(each.at_us, each.live) for each in trace.counts] == [
        (0, 0),
        (LATENCY, 5),
        (2 * HOUR + LATENCY, 5),
        (3 * HOUR - 1, 5),
        (3 * HOUR, NEVER),
        (4 * HOUR, NEVER),
    ]
