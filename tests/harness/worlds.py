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
from harness.scenario import Certificate, Event, LicenceSpec, NetworkSpec, Scenario, ServerSpec, Verb

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_772_323_200_000_000
FIRST = 0xC0A86419

LASTING = (
    Verb.SERVER_STOP,
    Verb.SERVER_CRASH,
    Verb.SERVER_REBOOT,
    Verb.SERVER_POWER_LOSS,
    Verb.SERVER_SUSPEND,
    Verb.SERVER_HANG,
    Verb.SERVER_SLOW,
    Verb.SERVER_CLONE,
    Verb.DISK_FILL,
    Verb.IDENTITY_DRIFT,
    Verb.NODE_STOP,
    Verb.NODE_CRASH,
    Verb.NODE_REBOOT,
    Verb.NODE_SUSPEND,
    Verb.NODE_UPLINK,
    Verb.NODE_REPORT,
    Verb.NETWORK_CUT,
    Verb.NETWORK_DELAY,
    Verb.NETWORK_LOSS,
    Verb.NETWORK_REORDER,
    Verb.NETWORK_DUPLICATE,
    Verb.NETWORK_CORRUPT,
    Verb.FIREWALL_DROP,
    Verb.FIREWALL_REJECT,
    Verb.NAT_ADD,
    Verb.FORWARD_ADD,
    Verb.DNS_CHANGE,
    Verb.DNS_STOP,
    Verb.TLS_USE,
    Verb.ANSWER_SPOIL,
    Verb.CLOCK_DRIFT,
    Verb.CLOCK_FREEZE,
    Verb.LICENCE_SUSPEND,
)
#: The verbs about paths, which have a direction.
DIRECTED = (
    Verb.NETWORK_CUT,
    Verb.NETWORK_DELAY,
    Verb.NETWORK_LOSS,
    Verb.NETWORK_REORDER,
    Verb.NETWORK_DUPLICATE,
    Verb.NETWORK_CORRUPT,
    Verb.NETWORK_HEAL,
    Verb.FIREWALL_DROP,
    Verb.FIREWALL_REJECT,
    Verb.FIREWALL_LIFT,
)
#: Where the server is, where it is not, and where a box forwards connections to it.
SERVER_ADDRESS, ELSEWHERE, BOX = 0xAC103F83, 0xAC103F99, 0xCB007105
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


#: Of these no file says `only`.
ALWAYS_ALL = (Verb.NODE_UPLINK, Verb.NODE_POINT, Verb.NODE_REPORT, Verb.NODE_ROLLBACK, Verb.NODE_REBOOT)


@st.composite
def path_keys(draw: st.DrawFn, verb: Verb, some: tuple[str, ...]) -> dict[str, Any]:
    """The keys of an event about paths and addresses."""
    keys: dict[str, Any] = {}
    if verb in (Verb.NETWORK_LOSS, Verb.NETWORK_CORRUPT, Verb.NETWORK_REORDER, Verb.NETWORK_DUPLICATE):
        keys["percent"] = Fraction(draw(st.sampled_from(["100", "50", "12.5"])))
    if verb in (Verb.NETWORK_REORDER, Verb.NETWORK_DUPLICATE, Verb.NETWORK_DELAY):
        keys["by_us"] = draw(st.sampled_from([0, 1, 5_000, SECOND, 31 * SECOND, 2 * HOUR, 5 * HOUR]))
    if verb is Verb.NETWORK_DELAY:
        distributions = ["constant", "uniform", "normal", "exponential", "pareto"]
        keys["distribution"] = draw(st.sampled_from(distributions))
        if keys["distribution"] != "constant":
            keys["jitter_us"] = draw(st.sampled_from([0, 3_000, SECOND]))
    if verb in (Verb.FIREWALL_DROP, Verb.FIREWALL_REJECT):
        keys["port"] = draw(st.sampled_from([None, 8081, 443]))
    if verb in (Verb.NAT_ADD, Verb.NODE_UPLINK):
        kind = (
            "masquerade" if verb is Verb.NODE_UPLINK else draw(st.sampled_from(["masquerade", "one-to-one", "carrier"]))
        )
        keys |= {"nodes": some, "kind": kind, "address": FIRST + draw(st.sampled_from([0, 60, 1000]))}
        keys["last_address"] = keys["address"] + 3 if kind == "carrier" else None
    if verb in (Verb.NAT_REMOVE, Verb.TLS_TRUST, Verb.ANSWER_SPOIL):
        keys["nodes"] = some
    if verb in (Verb.SERVER_MOVE, Verb.SERVER_CLONE, Verb.DNS_CHANGE, Verb.FORWARD_ADD, Verb.NODE_POINT):
        keys["address"] = draw(st.sampled_from([SERVER_ADDRESS, ELSEWHERE, BOX]))
    if verb is Verb.FORWARD_ADD:
        keys["hairpin"] = draw(st.booleans())
    if verb is Verb.NODE_REPORT:
        keys["text"] = draw(st.sampled_from(["::ffff:192.168.100.25", "fd00::25", "192.168.100.25", "x", "{}"]))
        keys["whole"] = draw(st.sampled_from([False, False, True]))
    if verb is Verb.NODE_POINT and draw(st.booleans()):
        keys["address"] = None
    return keys


@st.composite
def machine_keys(draw: st.DrawFn, verb: Verb, at_us: int) -> dict[str, Any]:
    """The keys of an event about machines, programs and answers."""
    if verb is Verb.TLS_USE:
        ends = st.none() | st.sampled_from([START, START + DAY, START + DAY + HOUR // 2])
        name = draw(st.sampled_from([None, None, "172.16.63.131", "fdl.example.com"]))
        ca = draw(st.sampled_from(["site", "other"]))
        return {"ca": ca, "certificate": Certificate(ca=ca, name=name, from_us=draw(ends), until_us=draw(ends))}
    if verb is Verb.TLS_TRUST:
        return {"ca": draw(st.sampled_from(["site", "other"]))}
    if verb is Verb.ANSWER_SPOIL:
        return {"how": draw(st.sampled_from(["garbage", "replay", "foreign", "forged"]))}
    if verb is Verb.SERVER_SLOW:
        return {"by_us": draw(st.sampled_from([1, 5_000, 29 * SECOND, 31 * SECOND, 3 * HOUR]))}
    if verb is Verb.SERVER_CRASH_AT:
        return {"moment": draw(st.sampled_from(["received", "stored", "answered"]))}
    if verb in (Verb.SERVER_ROLLBACK, Verb.NODE_ROLLBACK):
        back_us = draw(st.sampled_from([0, 1, 5_000, HOUR, 3 * HOUR, 20 * HOUR, 25 * HOUR]))
        return {"to_us": max(0, at_us - back_us)}
    if verb is Verb.LICENCE_CHANGE:
        changes: dict[str, Any] = {"capacity": draw(st.integers(1, 4))}
        if draw(st.booleans()):
            changes["ranges"] = ((FIRST, FIRST),)
        if draw(st.booleans()):
            changes["expires_us"] = START + draw(st.integers(1, 6)) * DAY // 2
        return {"changes": tuple(changes.items())}
    return {}


@st.composite
def events(draw: st.DrawFn, names: tuple[str, ...], duration_us: int) -> Event:
    """One event, right in itself."""
    verb = draw(st.sampled_from(list(Verb)))
    at_us = draw(instants(duration_us))
    keys: dict[str, Any] = {}
    some = draw(st.sampled_from([names, *((name,) for name in names)]))
    if verb in DIRECTED:
        keys |= {"nodes": some, "direction": draw(st.sampled_from(["both", "requests", "answers"]))}
    keys |= draw(path_keys(verb, some)) | draw(machine_keys(verb, at_us))
    if verb is Verb.NODE_CLONE:
        keys |= {"nodes": names[-1:], "of": names[0]}
    elif verb.value.startswith("node."):
        keys["nodes"] = some
        status = st.sampled_from([None, None, None, *STATUSES])
        keys["only"] = None if verb in ALWAYS_ALL else draw(status)
    if verb is Verb.NODE_MOVE:
        keys["address"] = FIRST + draw(st.sampled_from([0, 5, 50, 1000]))
    if verb.value.startswith("clock."):
        keys["host"] = draw(st.sampled_from([*names, "server"]))
        if verb in (Verb.CLOCK_STEP, Verb.CLOCK_SLEW):
            keys["by_us"] = draw(steps)
        if verb in (Verb.CLOCK_DRIFT, Verb.CLOCK_SLEW):
            keys["ppm"] = Fraction(draw(rates if verb is Verb.CLOCK_SLEW else ppms))
    if verb in LASTING and (lasts_us := draw(st.none() | lengths)) is not None:
        keys["until_us"] = at_us + lasts_us
    return Event(index=0, at_us=at_us, verb=verb, **keys)


#: What becomes of the program when its session or its machine ends.
servers = st.builds(ServerSpec, nohup=st.booleans(), autostart=st.booleans())


def in_order(drawn: list[Event], server: ServerSpec) -> tuple[Event, ...]:
    """Number the events. The end of a session does nothing to a program that was started with nohup."""
    return tuple(
        replace(event, index=index, idle=event.verb is Verb.SERVER_LOGOUT and server.nohup)
        for index, event in enumerate(drawn)
    )


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
    more = [event for event in more if event.verb is not Verb.NODE_CLONE]
    server = draw(servers)
    return without_problems(
        Scenario(
            title="a quiet world",
            start_us=START,
            duration_us=duration_us,
            licence=LicenceSpec(capacity=draw(st.integers(1, 4)), ranges=((FIRST - 25, FIRST + 230),)),
            server=server,
            nodes=nodes,
            events=in_order([silent, *more], server),
        )
    )


def without_problems(scenario: Scenario) -> Scenario:
    """Leave out the events that `timeline_problems` finds fault with, and number the others anew."""
    while problems := timeline_problems(scenario.events):
        wrong = {problem.event.index for problem in problems}
        scenario = replace(scenario, events=tuple(e for e in scenario.events if e.index not in wrong))
    numbers = {index: k for k, index in enumerate(sorted({event.index for event in scenario.events}))}
    return replace(scenario, events=tuple(replace(event, index=numbers[event.index]) for event in scenario.events))


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
        by_name=draw(st.booleans()),
    )
    if draw(st.booleans()):
        nodes += (replace(nodes[0], name="copy", address=FIRST + 20, register_us=None, clone_of=nodes[0].name),)
    names = tuple(node.name for node in nodes)
    drawn = draw(st.lists(events(names, duration_us), max_size=7))
    if nodes[-1].clone_of is None:
        drawn = [event for event in drawn if event.verb is not Verb.NODE_CLONE]
    server = draw(servers)
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
            server=server,
            nodes=nodes,
            events=in_order(drawn, server),
        )
    )
