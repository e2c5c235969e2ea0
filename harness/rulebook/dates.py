"""The rule book's own reckoning of the date by which a server judges a licence, and which its grants carry."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from harness.rulebook.history import History
from harness.scenario import SERVER
from harness.trace import FAILED, NEVER, EdgeKind, Verdict

__all__ = ["Dates"]

_NO_DATE = -(1 << 62)


class _Stored(NamedTuple):
    """A date that a server stored, or, with ``to_us``, the instant whose state was put back."""

    at_us: int
    date_us: int = _NO_DATE
    to_us: int | None = None


class Dates:
    """The dates of one server: its wall clock, but never earlier than the latest date that it has stored.

    It stores the date of each start and of each request that it handles. An earlier state that is put back has the
    date of its own time, and a copy of the server's machine that of its ``original`` at the time.
    """

    def __init__(self, history: History, server: int, original: Dates | None = None) -> None:
        self._clocks = history.clocks
        #: From when on the date is at least this, in order.
        self._floors: list[tuple[int, int]] = []
        if all(by_us >= 0 for _, by_us in history.clocks.steps(SERVER)):
            return  # Nothing else turns a wall clock back: a slew or a freeze only holds it up.
        if original is not None:
            assert history.copied_at_us is not None, "only a copy has an original"
            self._floors = [each for each in original._floors if each[0] < history.copied_at_us]
        # What happens to a server comes before what arrives at the same instant.
        stored = [*self._at_edges(history, server), *self._at_requests(history, server)]
        stored.sort(key=lambda each: each.at_us)
        for at_us, date_us, to_us in stored:
            floor_us = max(date_us, self._floor(at_us)) if to_us is None else self._floor(to_us - 1)
            self._floors.append((at_us, floor_us))

    def at(self, true_us: int) -> int:
        """Return the date at which a request that arrives at ``true_us`` is judged, in wall-clock us."""
        return max(self._clocks.wall_us(SERVER, true_us), self._floor(true_us))

    def _floor(self, true_us: int) -> int:
        """Return the latest date that was stored up to ``true_us``, that instant included."""
        place = bisect_right(self._floors, true_us, key=lambda floor: floor[0])
        return self._floors[place - 1][1] if place else _NO_DATE

    def _at_edges(self, history: History, server: int) -> Iterator[_Stored]:
        for edge in history.edges_of[server]:
            if edge.what == EdgeKind.STARTED and edge.done:
                yield _Stored(edge.at_us, self._clocks.wall_us(SERVER, edge.at_us, before_steps=True))
            elif edge.what == EdgeKind.ROLLED_BACK and edge.done:
                yield _Stored(edge.at_us, to_us=edge.value)

    def _at_requests(self, history: History, server: int) -> Iterator[_Stored]:
        trace = history.trace
        for asked in history.exchanges:
            handled = asked.arrived_us != NEVER and asked.verdict not in (Verdict.NONE, *FAILED)
            if handled and asked.server == server:
                yield _Stored(asked.arrived_us, self._clocks.wall_us(SERVER, asked.arrived_us))
        for copy in trace.copies:
            if history.exchanges[copy.place].server == server:
                yield _Stored(copy.arrived_us, self._clocks.wall_us(SERVER, copy.arrived_us))
        # A run of polls comes to the server itself, and is over before its clock is stepped: the last date is the
        # latest.
        for beat in trace.beats if server == 0 else ():
            arrived_us = beat.last_sent_us + history.scenario.network.latency_us
            yield _Stored(arrived_us, self._clocks.wall_us(SERVER, arrived_us))
