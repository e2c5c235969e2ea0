"""What one would have to look up to tell two explanations apart.

Two simulations that both show the record still differ somewhere, if anybody looked: in a failure list that was not
handed in, in the seconds of its rows, in how many nodes the server has registered, in a status. The first difference
that lasts is what to look for. Where there is none, only somebody who was there can tell, and each kind of cause has
its witness.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

from harness.durations import format_duration, format_utc
from harness.outage.case import Case
from harness.outage.causes import Kind
from harness.outage.diagnosing import Simulated
from harness.trace import Status, Trace
from reference_server.codes import Code

__all__ = ["deciding"]

_MINUTE_US = 60_000_000
#: A status that lasts no longer is not there when one looks.
_LASTS_US = 10 * _MINUTE_US

#: Who or what knows of each kind of cause.
_WITNESSES = {
    Kind.STOP: "the output of the server's program and the uptime of its process: did it run all the time?",
    Kind.CUT: "other traffic between the hosts: could they reach each other?",
    Kind.LOST_ANSWERS: "the metrics of the server's program: did it count requests of these nodes meanwhile?",
    Kind.NAT: "the address from which the requests of these nodes reached the server's machine",
    Kind.MOVED: "the address that these nodes had at the time",
    Kind.CLOCK: "the time on the server's machine, beside a clock that is right",
    Kind.STEP: "the system log of the machine: was its clock set?",
    Kind.DRIFT: "how fast the machine's clock runs, beside one that is right",
    Kind.EXPIRED: "the last day that the authorization file names",
    Kind.RANGES: "whether a new authorization file was put in, and which addresses it names",
    Kind.APPLICATIONS: "whether a new authorization file was put in, and which applications it names",
    Kind.SUSPENDED: "the issuer: was the licence suspended?",
    Kind.IDENTITY: "whether the server's machine is virtual, and was moved or changed",
    Kind.CAPACITY: "which nodes the server has registered, and how many it may",
    Kind.SECOND: "whether a copy of the node's machine is running somewhere",
    Kind.RESTORED: "whether a snapshot or a backup of the server's machine was put back",
    Kind.READING: "the issuer: what does the product do in this case?",
}


def deciding(case: Case, one: Simulated, other: Simulated) -> str:
    """Return what further observation would decide between two explanations, in a sentence or two."""
    looks = (
        _counts(case, one, other),
        _rows(case, one, other),
        _statuses(case, one, other),
        _seconds(case, one, other),
    )
    found = next(chain(*looks), None)
    if found is not None:
        return found
    own = [each.kind for each in one.causes if each.kind not in {cause.kind for cause in other.causes}]
    others = [each.kind for each in other.causes if each.kind not in {cause.kind for cause in one.causes}]
    return "; or ".join(_WITNESSES[kind] for kind in dict.fromkeys([*own[:1], *others[:1]]))


def _at(case: Case, at_us: int) -> str:
    return format_utc((case.start_us + at_us) // _MINUTE_US * _MINUTE_US)


def _counts(case: Case, one: Simulated, other: Simulated) -> Iterator[str]:
    """How many nodes the server has registered."""
    for at_us, (left, right) in _apart(_live(one.trace), _live(other.trace), case.duration_us):
        yield (
            f"how many nodes the server had registered at {_at(case, at_us)}: "
            f"{left} by the first, {right} by the second"
        )


def _live(trace: Trace) -> list[tuple[int, int]]:
    return [(0, 0), *((slot.at_us, slot.live) for slot in trace.slots if slot.server == 0)]


def _rows(case: Case, one: Simulated, other: Simulated) -> Iterator[str]:
    """Rows that only one of the two has."""
    for place, node in enumerate(case.nodes):
        left, right = _codes(one, place), _codes(other, place)
        for (minute_us, code), which in sorted(
            [(row, "first") for row in left if not _near(row, right)]
            + [(row, "second") for row in right if not _near(row, left)]
        ):
            label = code.label or code.shown_name
            yield (
                f"whether {node} lists a failure ({label}) at about {_at(case, minute_us)}: only by the {which} it does"
            )


def _codes(some: Simulated, place: int) -> list[tuple[int, Code]]:
    return [(row.at_us, Code(row.code)) for row in some.trace.failures if row.node == place]


def _near(row: tuple[int, Code], rows: Sequence[tuple[int, Code]]) -> bool:
    return any(abs(at_us - row[0]) <= _MINUTE_US and code is row[1] for at_us, code in rows)


def _statuses(case: Case, one: Simulated, other: Simulated) -> Iterator[str]:
    """Statuses that a page would have shown."""
    for place, node in enumerate(case.nodes):
        steps = [
            [
                (0, int(Status.UNREGISTERED)),
                *((row.at_us, row.after) for row in some.trace.transitions if row.node == place),
            ]
            for some in (one, other)
        ]
        for at_us, (left, right) in _apart(steps[0], steps[1], case.duration_us):
            shown = [Status(each).name.lower() for each in (left, right)]
            yield (f"the status of {node} at {_at(case, at_us)}: {shown[0]} by the first, {shown[1]} by the second")


def _seconds(case: Case, one: Simulated, other: Simulated) -> Iterator[str]:
    """The seconds of rows: a node knows at once that a port refuses, and waits for an answer that is lost."""
    timeout_us = case.installation.network.timeout_us
    ours, others = (dict(_waits(each.trace, timeout_us)) for each in (one, other))
    for row, waited in ours.items():
        if row[0] < len(case.nodes) and others.get(row, waited) != waited:
            yield (
                f"the seconds of the rows of {case.nodes[row[0]]}, beside those of its registration: by the "
                f"{'first' if waited else 'second'} a failure is listed {format_duration(timeout_us)} after its poll "
                f"was sent, by the other at once"
            )
            return


def _waits(trace: Trace, timeout_us: int) -> Iterator[tuple[tuple[int, int], bool]]:
    """Yield, for each failed request (node and which of its failures), whether the node waited for an answer."""
    sent = {(each.node, each.number): each.sent_us for each in trace.exchanges}
    counts: dict[int, int] = {}
    for row in trace.failures:
        at_us = sent.get((row.node, row.number))
        if at_us is not None:
            counts[row.node] = counts.get(row.node, 0) + 1
            yield (row.node, counts[row.node]), row.at_us - at_us >= timeout_us


def _apart(
    one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]], end_us: int
) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield, in the midst of each stretch that lasts, what two step functions are where they differ."""
    instants = sorted({at_us for at_us, _ in (*one, *other)} | {end_us})
    for first_us, next_us in pairwise(instants):
        left, right = _value(one, first_us), _value(other, first_us)
        if left != right and next_us - first_us >= _LASTS_US:
            yield (first_us + next_us) // 2, (left, right)


def _value(steps: Sequence[tuple[int, int]], at_us: int) -> int:
    return [value for since_us, value in steps if since_us <= at_us][-1]
