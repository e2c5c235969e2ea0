"""Small worlds, all of them: every order of a few events on the instants at which the timing law changes its mind.

A family says which events and instants there are. Its worlds are numbered, so that any part of them can be run anywhere
and each can be had again by its number. Most numbers are of no world: the instants do not come in order, or the events
contradict each other, such as a start of what runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fake_fdl_nodes.fleet import fleet
from harness.faults import timeline_problems
from harness.rulebook import Ruling
from harness.runner import Job, run_one
from harness.scenario import Event, LicenceSpec, Scenario, Verb
from harness.sweep.kinds import DAY, HOUR
from harness.sweep.trial import Question, Why
from reference_server.readings import reading_named

__all__ = ["FAMILIES", "Family", "Found", "explore"]

_PERIOD = 2 * HOUR
_LATENCY = 5_000
_START_US = 1_772_323_200_000_000  # 2026-03-01T00:00:00Z
_FIRST_ADDRESS = 0xC0A86419  # 192.168.100.25
_NAMES = ("a", "b", "c")

#: What can happen to the server, and to each node.
_OF_SERVER = (Verb.SERVER_STOP, Verb.SERVER_START)
_OF_NODE = (
    *(Verb.NODE_STOP, Verb.NODE_START, Verb.NETWORK_CUT, Verb.NETWORK_HEAL),
    *(Verb.NODE_REGISTER, Verb.NODE_UNBIND),
)


def _around(*instants_us: int) -> tuple[int, ...]:
    """Return each instant with the tick before and the tick after it."""
    return tuple(sorted({at_us + tick for at_us in instants_us for tick in (-1, 0, 1) if at_us + tick >= 0}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Worlds of so many ``nodes``, which register at 0, and ``capacity``: all with none to ``events`` events.

    An event is one of ``choices``: a verb, whom it is about and one of ``instants_us``.
    """

    name: str
    summary: str
    nodes: int
    capacity: int
    events: int
    instants_us: tuple[int, ...]
    duration_us: int = DAY + 3 * _PERIOD
    choices: tuple[Event, ...] = field(init=False)

    def __post_init__(self) -> None:
        happenings: list[tuple[Verb, tuple[str, ...]]] = [(verb, ()) for verb in _OF_SERVER]
        happenings += [(verb, (name,)) for name in _NAMES[: self.nodes] for verb in _OF_NODE]
        choices = [
            Event(index=0, at_us=at_us, verb=verb, nodes=nodes)
            for at_us in self.instants_us
            for verb, nodes in happenings
        ]
        object.__setattr__(self, "choices", tuple(choices))

    @property
    def numbers(self) -> int:
        """How many numbers there are."""
        numbers: int = (len(self.choices) + 1) ** self.events
        return numbers

    def world(self, number: int) -> Scenario | None:
        """Return the world with this number, ``None`` if it is of none."""
        # The digits of the number are the events, one after the other; 0 is none, and stands before the others.
        events: list[Event] = []
        for _ in range(self.events):
            number, digit = divmod(number, len(self.choices) + 1)
            if digit == 0 and events:
                return None
            if digit:
                event = self.choices[digit - 1]
                if events and event.at_us < events[-1].at_us:
                    return None
                events.append(event)
        if timeline_problems(numbered := tuple(replace(event, index=k) for k, event in enumerate(events))):
            return None
        return Scenario(
            title=f"a small world of the family {self.name}",
            start_us=_START_US,
            duration_us=self.duration_us,
            licence=LicenceSpec(capacity=self.capacity, ranges=((_FIRST_ADDRESS, _FIRST_ADDRESS + 9),)),
            nodes=tuple(
                replace(node, name=name)
                for name, node in zip(
                    _NAMES,
                    fleet("n", address=_FIRST_ADDRESS, application="report1", count=self.nodes),
                    strict=False,
                )
            ),
            events=numbered,
        )


#: The instants of a node that registers at 0: sending, arrival and answer of its register and of a poll; its deadline
#: and the end of its slot, counted from either.
_SENT = (0, _PERIOD, DAY, DAY + _PERIOD)
_ALL = _around(*_SENT, *(at_us + _LATENCY for at_us in _SENT), *(at_us + 2 * _LATENCY for at_us in _SENT))
_FEW = (0, _LATENCY, _PERIOD, _PERIOD + _LATENCY, DAY, DAY + 1, DAY + _LATENCY, DAY + _LATENCY + 1, DAY + _PERIOD)

#: Every family, by its name.
FAMILIES = {
    family.name: family
    for family in (
        Family(
            name="pairs",
            summary="two nodes for one slot, up to two events, on each instant that matters and a tick to each side",
            nodes=2,
            capacity=1,
            events=2,
            instants_us=_ALL,
        ),
        Family(
            name="pairs-of-three",
            summary="the same with three nodes for two slots",
            nodes=3,
            capacity=2,
            events=2,
            instants_us=_ALL,
        ),
        Family(
            name="triples",
            summary="two nodes for one slot, up to three events, on nine of these instants",
            nodes=2,
            capacity=1,
            events=3,
            instants_us=_FEW,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Found:
    """What came of some numbers: how many were worlds, how many of these tested each rule, and which broke which.

    In place of a rule stands *trouble* where a system under test raised.
    """

    worlds: int
    tested: Counter[str]
    broken: tuple[tuple[int, str], ...]


def explore(question: Question, numbers: Sequence[int]) -> Found:
    """Run the worlds of ``numbers`` in the family that is the question's profile, and judge them."""
    worlds, tested, broken = 0, Counter[str](), []
    family, reading = FAMILIES[question.profile], reading_named(question.reading)
    for number in numbers:
        scenario = family.world(number)
        if scenario is None:
            continue
        worlds += 1
        result = run_one(Job(scenario=scenario, reading=reading, server=question.server, node=question.node))
        if result.troubles:
            broken.append((number, Why.TROUBLE.value))
        for judgement in result.judgements.values():
            tested[judgement.rule] += bool(judgement.tested)
            if judgement.ruling is Ruling.VIOLATED or judgement.trouble:
                broken.append((number, judgement.rule))
    return Found(worlds, tested, tuple(broken))
