"""Random small worlds, for the properties that hold of any: whatever happens when, in whatever order.

Instants crowd together and sit on the boundaries that the timing law knows, since that is where things go wrong.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from fake_fdl_nodes.fleet import fleet
from harness.faults import timeline_problems
from harness.scenario import Event, LicenceSpec, NetworkSpec, Scenario, Verb

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_772_323_200_000_000
FIRST = 0xC0A86419

LASTING = (
    Verb.SERVER_STOP,
    Verb.SERVER_CRASH,
    Verb.SERVER_SUSPEND,
    Verb.NODE_STOP,
    Verb.NODE_CRASH,
    Verb.NODE_SUSPEND,
    Verb.NETWORK_CUT,
    Verb.CLOCK_DRIFT,
    Verb.CLOCK_FREEZE,
    Verb.LICENCE_SUSPEND,
)
STATUSES = ("unregistered", "registered", "interrupted", "rejected", "lapsed")

#: Distances that the law knows: one tick, a latency, a round trip, a timeout, periods, the 24 hours.
ticks = st.sampled_from([0, 1, -1, 5_000, 10_000, 9_999, 10_001, 30 * SECOND])
lengths = st.sampled_from(
    [1, 5_000, 10_000, 5 * MINUTE, 2 * HOUR, 20 * HOUR, 22 * HOUR, DAY - 1, DAY, DAY + 1, 26 * HOUR, 30 * HOUR]
)
steps = st.sampled_from([-25 * HOUR, -HOUR, -1, 1, HOUR, 25 * HOUR])
ppms = st.sampled_from([-950_000, -500_000, -50_000, -1, 1, 50, 50_000, 1_000_000, 12_000_000])

#: How fast a clock is slewed: ntpd's pace, and such as move an hour or a day within a run.
rates = st.sampled_from([500, 6_000, 333_333, 500_000, 999_999])


def instants(duration_us: int) -> st.SearchStrategy[int]:
    """Instants of a run: hours, give or take one of the law's distances."""
    on_the_grid = st.builds(lambda half, tick: half * HOUR // 2 + tick, st.integers(0, duration_us * 2 // HOUR), ticks)
    return on_the_grid.map(lambda at_us: min(max(at_us, 0), duration_us))


@st.composite
def events(draw: st.DrawFn, names: tuple[str, ...], duration_us: int) -> Event:
    """One event, right in itself."""
    verb = draw(st.sampled_from(list(Verb)))
    at_us = draw(instants(duration_us))
    keys: dict[str, Any] = {}
    some = draw(st.sampled_from([names, *((name,) for name in names)]))
    if verb.value.startswith("node."):
        keys["nodes"] = some
        keys["only"] = draw(st.sampled_from([None, None, None, *STATUSES]))
    if verb in (Verb.NETWORK_CUT, Verb.NETWORK_HEAL):
        keys |= {"nodes": some, "direction": draw(st.sampled_from(["both", "requests", "answers"]))}
    if verb is Verb.NODE_MOVE:
        keys["address"] = FIRST + draw(st.sampled_from([0, 5, 50, 1000]))
    if verb.value.startswith("clock."):
        ppm = draw(rates if verb is Verb.CLOCK_SLEW else ppms)
        keys |= {"host": draw(st.sampled_from([*names, "server"])), "by_us": draw(steps), "ppm": Fraction(ppm)}
    if verb in LASTING and (lasts_us := draw(st.none() | lengths)) is not None:
        keys["until_us"] = at_us + lasts_us
    return Event(index=0, at_us=at_us, verb=verb, **keys)


@st.composite
def quiet_scenarios(draw: st.DrawFn) -> Scenario:
    """A world at rest but for one node, often registered on a later day, that falls silent for good.

    So cruising nodes, whose slots are renewed ahead of their time, stand beside one whose slot becomes void.
    """
    duration_us = 5 * DAY
    count = draw(st.integers(2, 4))
    early = fleet("n", address=FIRST, application="report1", count=count, spread_us=draw(st.sampled_from([0, HOUR])))
    late_us = draw(st.sampled_from([90 * MINUTE, 20 * HOUR, DAY, DAY + 6_000, 26 * HOUR, 50 * HOUR]))
    which = draw(st.integers(0, count - 1))
    nodes = tuple(replace(node, register_us=late_us) if k == which else node for k, node in enumerate(early))
    names = tuple(node.name for node in nodes)
    verb = draw(st.sampled_from([Verb.NODE_STOP, Verb.NODE_CRASH, Verb.NODE_SUSPEND, Verb.NETWORK_CUT]))
    silent = Event(index=0, at_us=late_us + draw(instants(DAY)), verb=verb, nodes=(names[which],))
    more = draw(st.lists(events(names, duration_us), max_size=1))
    return without_problems(
        Scenario(
            title="a quiet world",
            start_us=START,
            duration_us=duration_us,
            licence=LicenceSpec(capacity=draw(st.integers(1, 4)), ranges=((FIRST - 25, FIRST + 230),)),
            nodes=nodes,
            events=tuple(replace(event, index=index) for index, event in enumerate([silent, *more])),
        )
    )


def without_problems(scenario: Scenario) -> Scenario:
    """Leave out the events that `timeline_problems` finds fault with."""
    while problems := timeline_problems(scenario.events):
        wrong = {problem.event.index for problem in problems}
        scenario = replace(scenario, events=tuple(e for e in scenario.events if e.index not in wrong))
    return scenario


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """A world of one to four nodes for two to four days, with up to seven events, without timeline problems."""
    duration_us = draw(st.sampled_from([2, 3, 4])) * DAY
    nodes = fleet(
        "n",
        address=FIRST,
        application="report1",
        count=draw(st.integers(1, 4)),
        register_us=draw(st.sampled_from([0, 1, 90 * MINUTE, 3 * HOUR, 26 * HOUR])),
        spread_us=draw(st.sampled_from([0, 1, 40 * MINUTE, 30 * HOUR])),
        cluster=draw(st.sampled_from([None, "c"])),
    )
    names = tuple(node.name for node in nodes)
    drawn = draw(st.lists(events(names, duration_us), max_size=7))
    expiry = st.integers(1, 6).map(lambda half_days: START + half_days * DAY // 2)
    return without_problems(
        Scenario(
            title="a random world",
            start_us=START,
            duration_us=duration_us,
            licence=LicenceSpec(
                capacity=draw(st.integers(1, 4)),
                ranges=((FIRST - 25, FIRST + 230),),
                expires_us=draw(st.none() | expiry),
            ),
            network=NetworkSpec(
                latency_us=draw(st.sampled_from([5_000, 5_000, 0, 1, 14 * SECOND, 15 * SECOND, 16 * SECOND])),
                timeout_us=draw(st.sampled_from([30 * SECOND, 30 * SECOND, 10_000])),
            ),
            nodes=nodes,
            events=tuple(replace(event, index=index) for index, event in enumerate(drawn)),
        )
    )
