"""Which single causes could explain what a simulation does not show yet.

What an outage leaves behind points to some causes: rows "/" to a stop or a cut, 30003 to addresses, "Incorrect License
Format" to lost slots. A cause is proposed with the one start and end, of the many that may do, that lies midway between
the last poll that must have succeeded and the first that failed. Nothing here decides: a proposal counts only if its
simulation shows the record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from fake_fdl_nodes.node import LEASE_US, PERIOD_US
from harness.outage.case import HOUR_US, SLACK_US, Built, Case
from harness.outage.causes import Cause, Kind
from harness.outage.comparing import Comparison
from harness.outage.record import Observation, What
from harness.scenario import SERVER
from harness.trace import Status
from reference_server.codes import Code
from reference_server.readings import LITERAL, READINGS

__all__ = ["proposals"]

_MINUTE_US = 60_000_000
_QUARTER_US = 15 * _MINUTE_US
#: A stop that nobody would notice but for what it does to the slots.
_SHORT_US = _MINUTE_US
#: No clock that is used runs faster or slower than that.
_FASTEST_PPM = 50_000
#: Kinds of failures that stand for a licence which names less.
_OF_LICENCE = {Code.LICENSE_APPNAME_ERROR: Kind.APPLICATIONS}


def proposals(case: Case, built: Built, found: Comparison) -> Iterator[Cause]:
    """Yield the causes that may explain what is unexplained or contradicted in ``found``, none of them twice."""
    seen: set[Cause] = set()
    for cause in _all(_Open(case, built, found)):
        if cause not in seen and (cause.end_us is None or cause.start_us < cause.end_us):
            seen.add(cause)
            yield cause


class _Open:
    """What is not explained yet, in true time."""

    def __init__(self, case: Case, built: Built, found: Comparison) -> None:
        self.case = case
        self.built = built
        self.found = found
        network = case.installation.network
        self.timeout_us = network.timeout_us
        self.rows = [each for each in found.unexplained if each.what is What.FAILED]
        self.all_nodes = case.nodes

    def true_us(self, each: Observation) -> int:
        return self.built.clocks[each.source].true_us(self.case.wall_us(each))

    def with_code(self, *codes: Code) -> list[tuple[int, Observation]]:
        """Return the unexplained rows with one of ``codes``, and when they were written, in order of time."""
        found = [(self.true_us(each), each) for each in self.rows if each.code in codes]
        return sorted(found, key=lambda pair: (pair[0], pair[1].line))

    def spans(self, *codes: Code) -> Iterator[_Span]:
        """Yield each stretch of time in which such rows come close to one another, and each run of such stretches."""
        rows = self.with_code(*codes)
        if not rows:
            return
        clusters: list[list[tuple[int, Observation]]] = [[rows[0]]]
        for before, after in pairwise(rows):
            if after[0] - before[0] > PERIOD_US + self.timeout_us + after[1].unit_us + SLACK_US:
                clusters.append([])
            clusters[-1].append(after)
        for first in range(len(clusters)):
            # More than a few at once are hardly one outage.
            for last in range(first, min(len(clusters), first + 4)):
                yield _Span(self, [row for cluster in clusters[first : last + 1] for row in cluster])

    @property
    def contradicted_nodes(self) -> list[tuple[int, Observation]]:
        pairs = [(self.true_us(each), each) for each, _ in self.found.contradicted if each.source != SERVER]
        return sorted(pairs, key=lambda pair: (pair[0], pair[1].line))


class _Span:
    """Rows that one cause may explain: whose they are, and between which instants it must have begun and ended."""

    def __init__(self, open_: _Open, rows: Sequence[tuple[int, Observation]]) -> None:
        self._open = open_
        self.rows = rows
        first: dict[str, int] = {}
        last: dict[str, int] = {}
        for at_us, row in rows:
            first.setdefault(row.source, at_us)
            last[row.source] = at_us
        self.nodes = tuple(name for name in open_.case.nodes if name in first)
        self.first_us = min(first.values())
        self.last_us = max(last.values())
        # A poll before the first that failed was a good one, unless its row is missing.
        self._good_before_us = max(max(0, at_us - PERIOD_US) for at_us in first.values())
        self._good_after_us = min(self._back_us(name, at_us) for name, at_us in last.items())

    def _back_us(self, name: str, last_us: int) -> int:
        """Return when ``name`` was well again at the latest: at its next poll, or as it was registered."""
        case = self._open.case
        again = [
            self._open.true_us(each)
            for each in case.by_source[name]
            if each.what is What.REGISTERED or (each.what is What.STATUS and each.status is Status.REGISTERED)
        ]
        later = [at_us for at_us in again if at_us > last_us]
        return min([last_us + PERIOD_US, *later[:1]])

    def starts(self) -> Iterator[int]:
        """Yield instants at which it may have begun."""
        if self._good_before_us < self.first_us:
            yield (self._good_before_us + self.first_us) // 2
        yield max(0, self.first_us - self._open.timeout_us - _MINUTE_US)

    def ends(self) -> Iterator[int | None]:
        """Yield instants at which it may have ended, or that it did not."""
        if self._good_after_us > self.last_us:
            yield (self.last_us + self._good_after_us) // 2
        yield self.last_us + _MINUTE_US
        yield None
        for each in self._open.case.by_source[SERVER]:
            if each.what is What.STARTED and (at_us := self._open.true_us(each)) > self.first_us:
                yield at_us
                break

    def times(self) -> Iterator[tuple[int, int | None]]:
        """Yield starts and ends, the likely ones first."""
        for end_us in self.ends():
            for start_us in self.starts():
                yield start_us, end_us


def _all(open_: _Open) -> Iterator[Cause]:
    yield from _of_silence(open_)
    yield from _of_addresses(open_)
    yield from _of_expiry(open_)
    yield from _of_licences(open_)
    yield from _of_capacity(open_)
    yield from _of_slots(open_)
    yield from _of_statuses(open_)
    yield from _of_clocks(open_)


def _scopes(open_: _Open, nodes: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return whom a fault of the paths may concern: those who show it, or all."""
    return [()] if len(nodes) == len(open_.all_nodes) else [nodes, ()]


def _of_silence(open_: _Open) -> Iterator[Cause]:
    """No connection: the program is down, or a path is cut (R119)."""
    for span in open_.spans(Code.NO_CONNECTION):
        for start_us, end_us in span.times():
            yield Cause(kind=Kind.STOP, start_us=start_us, end_us=end_us)
            for nodes in _scopes(open_, span.nodes):
                for kind in (Kind.CUT, Kind.LOST_ANSWERS):
                    yield Cause(kind=kind, start_us=start_us, end_us=end_us, nodes=nodes)


def _of_addresses(open_: _Open) -> Iterator[Cause]:
    """30003: translated on the way, or outside the ranges (R115)."""
    for span in open_.spans(Code.LICENSE_IP_ERROR):
        for start_us, end_us in span.times():
            for nodes in _scopes(open_, span.nodes):
                yield Cause(kind=Kind.NAT, start_us=start_us, end_us=end_us, nodes=nodes)
            for kind in (Kind.MOVED, Kind.RANGES):
                yield Cause(kind=kind, start_us=start_us, end_us=end_us, nodes=span.nodes)


def _of_expiry(open_: _Open) -> Iterator[Cause]:
    """30000: the day after the licence's last, or a clock that says so (R112)."""
    licence = open_.case.installation.licence
    for span in open_.spans(Code.LICENSE_EXPIRED):
        # Each node's clock shows midnight a little earlier or later.
        error_us = open_.case.clock_error_us
        about = [at_us for at_us, _ in span.rows if at_us <= span.first_us + 2 * error_us]
        midnight_us = round(Fraction(about[len(about) // 2], _QUARTER_US)) * _QUARTER_US
        for end_us in span.ends():
            yield Cause(kind=Kind.EXPIRED, start_us=midnight_us, end_us=end_us)
        if licence.expires_us is not None:
            # It takes a clock that is past the licensed days.
            missing_us = licence.expires_us - open_.case.start_us - span.first_us
            for start_us in span.starts():
                yield Cause(kind=Kind.STEP, start_us=start_us, by_us=missing_us + 2 * LEASE_US)


def _of_licences(open_: _Open) -> Iterator[Cause]:
    """Codes of a licence that covers less than before, or is suspended (R114, R117)."""
    for code, kind in _OF_LICENCE.items():
        for span in open_.spans(code):
            for start_us, end_us in span.times():
                yield Cause(kind=kind, start_us=start_us, end_us=end_us, nodes=span.nodes)
    for span in open_.spans(Code.ACCOUNT_STATUS_ERROR):
        for start_us, end_us in span.times():
            yield Cause(kind=Kind.SUSPENDED, start_us=start_us, end_us=end_us)


def _of_capacity(open_: _Open) -> Iterator[Cause]:
    """30007: others hold the slots that are missing (R118)."""
    capacity = open_.case.installation.licence.capacity
    if open_.with_code(Code.REGISTER_OUT_OF_LIMIT):
        for count in range(1, capacity + 1):
            yield Cause(kind=Kind.CAPACITY, count=count)


def _restarts(open_: _Open) -> list[tuple[int, int]]:
    """Return when the server's program was down, as recorded."""
    down: list[tuple[int, int]] = []
    stopped: int | None = None
    for each in open_.case.by_source[SERVER]:
        if each.what is What.STOPPED:
            stopped = open_.true_us(each)
        elif each.what is What.STARTED:
            at_us = open_.true_us(each)
            down.append((at_us - _SHORT_US if stopped is None else stopped, at_us))
            stopped = None
    return down


def _of_slots(open_: _Open) -> Iterator[Cause]:
    """No code: the slot is lost, another holds it, or the server's machine is not the licensed one."""
    for span in open_.spans(Code.INCORRECT_LICENSE_FORMAT):
        for start_us, end_us in span.times():
            yield Cause(kind=Kind.IDENTITY, start_us=start_us, end_us=end_us)
            if len(span.nodes) < 3:
                yield Cause(kind=Kind.SECOND, start_us=start_us, end_us=end_us, nodes=span.nodes)
        for begun_us, ended_us in _restarts(open_):
            if begun_us < span.first_us < ended_us:
                # By the server's own clock it was down for longer than the nodes saw.
                down_us = min(10 * _MINUTE_US, span.first_us - begun_us)
                by_us = ended_us - begun_us - down_us
                yield Cause(kind=Kind.STEP, start_us=begun_us + down_us // 2, by_us=by_us, own=True)
            if ended_us > span.first_us:
                continue
            middle_us = (begun_us + ended_us) // 2
            yield Cause(kind=Kind.STEP, start_us=middle_us, by_us=LEASE_US + HOUR_US)
            for to_us in _states_before(open_, span, middle_us):
                yield Cause(kind=Kind.RESTORED, start_us=middle_us, to_us=to_us)
        for start_us in span.starts():
            # Nobody wrote down that it was restarted.
            end_us = start_us + _SHORT_US
            yield Cause(kind=Kind.STEP, start_us=start_us, end_us=end_us, by_us=LEASE_US + HOUR_US)
            for to_us in _states_before(open_, span, start_us):
                yield Cause(kind=Kind.RESTORED, start_us=start_us, end_us=end_us, to_us=to_us)


def _states_before(open_: _Open, span: _Span, at_us: int) -> Iterator[int]:
    """Yield instants of states in which the nodes of ``span`` had no slot any more, or not yet."""
    yield 0
    if at_us > LEASE_US + 2 * HOUR_US:
        yield at_us - LEASE_US - HOUR_US
    for name in span.nodes:
        for each in open_.case.by_source[name]:
            if each.what is What.REGISTERED and (registered_us := open_.true_us(each)) <= at_us:
                yield max(0, registered_us - _MINUTE_US)


def _of_statuses(open_: _Open) -> Iterator[Cause]:
    """Statuses that the simulation contradicts: an outage without rows, or another reading."""
    if not open_.found.contradicted and not open_.found.unexplained:
        return
    lost = [(at_us, each) for at_us, each in open_.contradicted_nodes if each.status is Status.LAPSED]
    if lost:
        nodes = tuple(name for name in open_.all_nodes if any(each.source == name for _, each in lost))
        at_us = min(at_us for at_us, _ in lost)
        start_us = max(0, at_us - LEASE_US - 2 * HOUR_US)
        for scope in _scopes(open_, nodes):
            yield Cause(kind=Kind.CUT, start_us=start_us, end_us=None, nodes=scope)
        yield Cause(kind=Kind.STOP, start_us=start_us, end_us=None)
    for name in READINGS:
        if name != LITERAL.name:
            yield Cause(kind=Kind.READING, reading=name)


def _of_clocks(open_: _Open) -> Iterator[Cause]:
    """Recorded times that do not fit together: clocks that were wrong, were set, or drifted."""
    yield from _of_wrong_clocks(open_)
    yield from _of_set_clocks(open_)


def _of_wrong_clocks(open_: _Open) -> Iterator[Cause]:
    """Yield by how much the server's clock may be wrong, so that its stops meet the rows of nodes."""
    edges = [at_us for pair in _restarts(open_) for at_us in pair]
    offsets = []
    rows = [open_.true_us(each) for each in open_.rows]
    rows += [row.wall_us for row in open_.found.surplus if row.code is Code.NO_CONNECTION]
    for edge_us in edges:
        for at_us in rows:
            # The row has to come to the other side of the edge.
            for beyond_us in (-2 * SLACK_US, 2 * SLACK_US):
                offset_us = edge_us - at_us + beyond_us
                if abs(offset_us) <= open_.case.clock_error_us:
                    offsets.append(offset_us)
    offsets.sort(key=lambda offset_us: (abs(offset_us), offset_us))
    for offset_us in dict.fromkeys(offset_us // SLACK_US * SLACK_US for offset_us in offsets[:12]):
        if offset_us:
            yield Cause(kind=Kind.CLOCK, host=SERVER, by_us=offset_us)
    yield from _of_drifts(open_, _restarts(open_))


def _of_drifts(open_: _Open, stops: Sequence[tuple[int, int]]) -> Iterator[Cause]:
    """Yield how fast a node's clock may have run, so that most of its rows fall into the server's stops."""
    for name in dict.fromkeys(each.source for each in open_.rows):
        seen = open_.case.by_source[name]
        rows = [open_.case.wall_us(each) for each in seen if each.code is Code.NO_CONNECTION]
        first_us = min(map(open_.case.wall_us, seen))
        # A clock that is right at first shows first + (true - first) * (1 + ppm), so a stop allows a range of ppm.
        edges: list[tuple[Fraction, int]] = []
        for wall_us in rows:
            for begun_us, ended_us in stops:
                if begun_us > first_us and abs(wall_us - begun_us) < LEASE_US // 2:
                    edges.append((Fraction(wall_us - ended_us, ended_us - first_us), 1))
                    edges.append((Fraction(wall_us - begun_us, begun_us - first_us), -1))
        yield from _of_most_rows(name, sorted(edges, key=lambda edge: edge[0]))


def _of_most_rows(name: str, edges: Sequence[tuple[Fraction, int]]) -> Iterator[Cause]:
    """Yield the drifts that are within the most ranges, given where each range begins (1) and ends (-1)."""
    within, best = 0, 0
    found: list[tuple[Fraction, Fraction]] = []
    for (at, change), (following, _) in pairwise(edges):
        within += change
        if within >= best and following > at:
            found = [*(found if within == best else ()), (at, following)]
            best = within
    for low, high in found[:3]:
        ppm = round((low + high) / 2 * 1_000_000)
        if 0 < abs(ppm) <= _FASTEST_PPM:
            yield Cause(kind=Kind.DRIFT, host=name, ppm=Fraction(ppm))


def _of_set_clocks(open_: _Open) -> Iterator[Cause]:
    """Yield steps of nodes' clocks after which rows that came off the rhythm of polls fall on it."""
    for name in dict.fromkeys(name for name, _ in open_.built.unrecorded):
        rows = [each for each in open_.case.by_source[name] if each.what is What.FAILED]
        times = [(open_.true_us(each), each) for each in rows]
        asked = {at_us for node, at_us in open_.built.unrecorded if node == name}
        for (before_us, _), (after_us, after) in pairwise(times):
            if not any(abs(after_us - at_us) <= open_.timeout_us + SLACK_US for at_us in asked):
                continue
            apart_us = after_us - before_us
            by_us = (apart_us + PERIOD_US // 2) % PERIOD_US - PERIOD_US // 2
            if abs(by_us) > after.unit_us + SLACK_US:
                # On the clock as it was before, the row would have come earlier by as much.
                yield Cause(kind=Kind.STEP, host=name, start_us=before_us + _MINUTE_US, by_us=by_us)
                whole_hours = by_us - PERIOD_US if by_us > 0 else by_us + PERIOD_US
                yield Cause(kind=Kind.STEP, host=name, start_us=before_us + _MINUTE_US, by_us=whole_hours)
