"""The small worlds in which a planted bug has to be noticed.

Each is one scenario that the right machines pass, built to put the rules in question to the test.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from fake_fdl_nodes.fleet import NodeSetup, fleet
from harness.scenario import SERVER, Certificate, Event, LicenceSpec, Scenario, Verb

HOUR = 3_600_000_000
MINUTE = 60_000_000
DAY = 24 * HOUR
#: 2026-03-01T00:00:00Z, a Sunday.
START = 1_772_323_200_000_000
#: 192.168.100.25; the licensed range is 192.168.100.25 to 192.168.100.40.
FIRST = 0xC0A86419
LAST = FIRST + 15


def event(at_us: int, verb: Verb, *nodes: str, lasts_us: int | None = None, **more: Any) -> Event:
    """Return one event; `scene` numbers them."""
    until_us = None if lasts_us is None else at_us + lasts_us
    return Event(index=0, at_us=at_us, verb=verb, until_us=until_us, nodes=nodes, **more)


def scene(
    *events: Event,
    nodes: tuple[NodeSetup, ...] = (),
    days: int = 3,
    capacity: int = 3,
    **licence: Any,
) -> Scenario:
    """Return a scenario of ``days`` days; without ``nodes`` there are fdl-1 to fdl-3, 40 minutes apart."""
    licence.setdefault("ranges", ((FIRST, LAST),))
    licence.setdefault("applications", ("report1",))
    return Scenario(
        title="a planted bug",
        start_us=START,
        duration_us=days * DAY,
        licence=LicenceSpec(capacity=capacity, **licence),
        nodes=nodes or fleet("fdl", count=3, address=FIRST, application="report1", spread_us=40 * MINUTE),
        events=tuple(replace(each, index=index) for index, each in enumerate(events)),
    )


def one(name: str, **more: Any) -> NodeSetup:
    """Return one node, by default licensed in every respect."""
    setup: dict[str, Any] = {"name": name, "address": FIRST, "application": "report1"} | more
    return NodeSetup(**setup)


def stop(hours: float, at_us: int = DAY + 90 * MINUTE, verb: Verb = Verb.SERVER_STOP) -> Event:
    """Return a stop of the server, by default at 1 d 1 h 30 min."""
    return event(at_us, verb, lasts_us=round(hours * HOUR))


# A poll of fdl-1 falls on every even hour, of fdl-2 40 minutes later, of fdl-3 80 minutes later.
QUIET = scene()
SHORT_STOP = scene(stop(5))
#: Every node lapses: their last contacts are at 24:00, 24:40 and 25:20, and the server is back at 51:30. The
#: administrator registers them again at 60:00.
LONG_STOP = scene(stop(26), event(60 * HOUR, Verb.NODE_REGISTER, "fdl-1", "fdl-2", "fdl-3"))
#: The same, without an administrator.
LONG_STOP_ALONE = scene(stop(26), days=4)
#: The nodes hear nothing from 25:30 on and lapse; the server goes on hearing them until then.
ANSWERS_LOST = scene(
    event(
        DAY + 90 * MINUTE,
        Verb.NETWORK_CUT,
        "fdl-1",
        "fdl-2",
        "fdl-3",
        lasts_us=26 * HOUR,
        direction="answers",
    )
)
#: fdl-1 is restarted in the outage, at 27:00, so that its polls leave the grid of its last contact at 24:00 and no
#: request is outstanding at its deadline, 48:00: it lapses to the tick.
OFF_THE_GRID = scene(
    stop(26),
    event(27 * HOUR, Verb.NODE_STOP, "fdl-1", lasts_us=MINUTE),
)
CRASHED_NODE = scene(event(DAY, Verb.NODE_CRASH, "fdl-1"))
EXPIRES = scene(expires_us=START + 36 * HOUR)
SUSPENDED = scene(event(DAY, Verb.LICENCE_SUSPEND, lasts_us=6 * HOUR))
#: Rejected at 26:00, the next poll finds the server stopped.
SUSPENDED_AND_STOPPED = scene(event(DAY, Verb.LICENCE_SUSPEND), stop(5, at_us=DAY + 3 * HOUR))
FULL = scene(capacity=2)
#: fdl-2 is of the wrong application and outside the ranges; the address is checked first.
TWO_FAULTS = scene(nodes=(one("fdl-1"), one("fdl-2", address=LAST + 1, application="other")))
WRONG_APPLICATION = scene(nodes=(one("fdl-1"), one("fdl-2", address=FIRST + 1, application="other")))
ANY_APPLICATION = scene(applications=())
WRONG_DOMAIN = scene(
    nodes=(one("fdl-1", domain="a.example"), one("fdl-2", address=FIRST + 1, domain="b.example")),
    domains=("a.example",),
)
WRONG_PORT = scene(
    nodes=(one("fdl-1", port=8068), one("fdl-2", address=FIRST + 1, port=9000)),
    ports=(8068,),
)
WRONG_VERSION = scene(nodes=(one("fdl-1"), one("fdl-2", address=FIRST + 1, version="FineDataLink 9")))
OUTSIDE = scene(nodes=(one("fdl-1"), one("fdl-2", address=LAST + 1)))
CLUSTER = scene(
    nodes=(
        one("fdl-1", cluster="c"),
        one("fdl-2", cluster="c", address=FIRST + 1),
        one("fdl-3", cluster="c", address=LAST + 1),
        one("fdl-4", cluster="c", address=FIRST + 3, application="other"),
    ),
    capacity=4,
)
#: fdl-1 moves to another licensed address while it runs, half-way between two polls.
MOVE_INSIDE = scene(event(DAY + HOUR, Verb.NODE_MOVE, "fdl-1", address=FIRST + 9))
MOVE_OUTSIDE = scene(event(DAY + HOUR, Verb.NODE_MOVE, "fdl-1", address=LAST + 5))
#: The move ends in a segment from which the server cannot be reached.
MOVE_INTO_CUT = scene(
    event(DAY + HOUR, Verb.NODE_MOVE, "fdl-1", address=FIRST + 9),
    event(DAY + HOUR, Verb.NETWORK_CUT, "fdl-1"),
)
UNBIND_TWICE = scene(event(DAY + HOUR, Verb.NODE_UNBIND, "fdl-1"), event(DAY + 2 * HOUR, Verb.NODE_UNBIND, "fdl-1"))
#: The wall clock of fdl-1 is set 25 h forward at 24:10, and a stop of the server gives it something to date.
NODE_STEPPED = scene(event(DAY + 10 * MINUTE, Verb.CLOCK_STEP, host="fdl-1", by_us=25 * HOUR), stop(5))
#: That of fdl-1 loses half of what passes from 24:10 on, until it is 2 h behind at 28:10.
NODE_SLEWED = scene(
    event(DAY + 10 * MINUTE, Verb.CLOCK_SLEW, host="fdl-1", by_us=-2 * HOUR, ppm=Fraction(500_000)), stop(5)
)
NODE_ASLEEP = scene(event(DAY + 30 * MINUTE, Verb.NODE_SUSPEND, "fdl-1", lasts_us=30 * HOUR))
SERVER_STEPPED = scene(event(DAY + 6 * HOUR, Verb.CLOCK_STEP, host=SERVER, by_us=25 * HOUR))
SERVER_ASLEEP = scene(event(DAY + 30 * MINUTE, Verb.SERVER_SUSPEND, lasts_us=25 * HOUR))
#: The licence ends at 36:00, and 4 h later the server's clock is set back by 12 h.
SET_BACK = scene(event(40 * HOUR, Verb.CLOCK_STEP, host=SERVER, by_us=-12 * HOUR), expires_us=START + 36 * HOUR)
#: The server's wall clock stands still from 25:00 on, and over a stop from 25:30 to 51:30.
FROZEN = scene(event(DAY + HOUR, Verb.CLOCK_FREEZE, host=SERVER), stop(26))

#: From 25 h to 30 h the machine is another one, and in that time its program is started anew.
DRIFTED = scene(
    event(DAY + HOUR, Verb.IDENTITY_DRIFT, lasts_us=5 * HOUR),
    event(DAY + 4 * HOUR, Verb.SERVER_STOP, lasts_us=MINUTE),
)
SECOND = scene(event(DAY, Verb.SERVER_SECOND))
#: From 25 h on the certificate is that of another authority.
UNTRUSTED = scene(event(DAY + HOUR, Verb.TLS_USE, certificate=Certificate(ca="another")))
CLOSED_PORT = scene(event(DAY + HOUR, Verb.FIREWALL_REJECT, "fdl-1", lasts_us=5 * HOUR, port=8081))
DESTROYED = scene(event(DAY + HOUR, Verb.SERVER_DESTROY), event(DAY + 2 * HOUR, Verb.SERVER_START))

#: The poll at 26 h comes a second time 10 minutes later; then the node is gone.
TWICE = scene(
    event(DAY + 2 * HOUR - MINUTE, Verb.NETWORK_DUPLICATE, "fdl-1", lasts_us=2 * MINUTE, by_us=10 * MINUTE),
    event(DAY + 3 * HOUR, Verb.NODE_CRASH, "fdl-1"),
)
