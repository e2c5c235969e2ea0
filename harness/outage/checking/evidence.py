"""A record made ready for the checks: who did what when, stops from end to end, and what is taken for granted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from fake_fdl_nodes.fleet import NodeSetup
from harness.outage.checking.seen import DAY_US, PERIOD_US, Lane, Seen, dated, longest, shortest
from harness.outage.record import NETWORK, Observation, Record, What
from harness.scenario import SERVER, LicenceSpec, NetworkSpec, Scenario
from harness.trace import Status
from reference_server.codes import Code
from reference_server.protocol import Kind
from reference_server.readings import LITERAL, Reading

__all__ = ["Cut", "Evidence", "NodeEvidence", "Stop", "Terms", "asks_for_register", "asks_for_unbind"]

#: Later than anything.
_NEVER_US = 1 << 62

#: A stretch in which the network was surely cut: from, until, the line that tells it, and for whom (empty: for all).
Cut: TypeAlias = tuple[int, int, Seen, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is taken for granted beside the record.

    ``clock_error_us`` is how far at most a clock is from the true time. With ``complete``, what is not in the record
    did not happen: no failure, no register or unbind that somebody asked for, no start, stop or cut, from its first
    line to its last. Of the ``installation`` count the licence, the network's timeout, and the nodes.
    """

    reading: Reading = LITERAL
    clock_error_us: int = 300_000_000
    complete: bool = False
    installation: Scenario | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """A stretch in which the server was stopped, as recorded.

    It began at ``begun`` and lasted to ``ended``; of several stops in a row ``again`` is the last, ``begun`` the first.
    """

    begun: Seen
    again: Seen
    ended: Seen | None

    @property
    def shortest_us(self) -> int:
        """How long it lasted at least."""
        return 0 if self.ended is None else self.ended.first_us - self.again.last_us

    @property
    def longest_us(self) -> int:
        """How long it lasted at most."""
        return _NEVER_US if self.ended is None else self.ended.last_us - self.begun.first_us

    @property
    def lines(self) -> tuple[Seen, ...]:
        """The lines that tell of it."""
        return (self.begun,) if self.ended is None else (self.begun, self.ended)

    @property
    def destroyed(self) -> bool:
        """Whether whoever recorded it wrote that the server was destroyed."""
        return "destroy" in self.begun.it.text.lower() or "destroy" in self.again.it.text.lower()

    def surely_spans(self, each: Seen, after_us: int = 0) -> bool:
        """Tell whether a line surely falls into it, and more than ``after_us`` after it began."""
        until_us = _NEVER_US if self.ended is None else self.ended.first_us
        return self.again.last_us + after_us < each.first_us and each.last_us < until_us


def asks_for_register(row: Seen) -> bool:
    """Tell whether a failure row is known to be that of a register: by its code, or because somebody wrote it down."""
    return row.it.code is Code.REGISTER_OUT_OF_LIMIT or row.it.asked is Kind.REGISTER


def asks_for_unbind(row: Seen) -> bool:
    """Tell whether a failure row is known to be that of an unbind."""
    return row.it.code is Code.DO_NOT_NEED_DEACTIVATE or row.it.asked is Kind.UNBIND


class NodeEvidence:
    """What is recorded of one node.

    :param setup: how it is installed, if that is known.
    """

    def __init__(self, name: str, lines: Iterable[Seen], setup: NodeSetup | None, timeout_us: int) -> None:
        lines = list(lines)
        by: dict[What, list[Seen]] = {what: [] for what in What}
        for each in lines:
            by[each.it.what].append(each)
        self.name = name
        self.setup = setup
        self.rows = Lane(by[What.FAILED])
        self.registered = Lane(by[What.REGISTERED])
        self.unbound = Lane(by[What.UNBOUND])
        self.statuses = Lane(by[What.STATUS])
        self.shown_registered = Lane(each for each in by[What.STATUS] if each.it.status is Status.REGISTERED)
        self.addresses = Lane(by[What.ADDRESS])
        self.started = Lane(by[What.STARTED])
        #: When its program ended or was started.
        self.restarts = Lane(each for each in lines if each.it.what in (What.STARTED, What.STOPPED))
        self._timeout_us = timeout_us

    def just_started(self, each: Seen) -> bool:
        """Tell whether it may have shown what it had shown before its start, while its first poll was under way."""
        return self.started.any_around(each.first_us - self._timeout_us, each.last_us)

    def address_at(self, each: Seen) -> tuple[int, tuple[Seen, ...]] | None:
        """Return its address at the time of a line, with the line that tells it; ``None`` if that is not known."""
        if self.addresses.any_around(each.first_us - self._timeout_us, each.last_us):
            return None
        told = self.addresses.last_before(each.first_us - self._timeout_us)
        if told is not None and told.it.address is not None:
            return told.it.address, (told,)
        return None if self.setup is None or told is not None else (self.setup.address, ())


class Evidence:
    """A record as the checks see it, on the terms on which it is judged."""

    def __init__(self, record: Record, terms: Terms) -> None:
        self.record = record
        self.reading = terms.reading
        self.complete = terms.complete
        installation = terms.installation
        self.installation = installation
        self.error_us = terms.clock_error_us
        #: How long a node waits for an answer.
        self.timeout_us = longest((NetworkSpec() if installation is None else installation.network).timeout_us)
        by_source: dict[str, list[Observation]] = {}
        # What stands twice in the file happened once.
        for each in {_told(each): each for each in reversed(record.observations)}.values():
            by_source.setdefault(each.source, []).append(each)
        lines = {source: dated(each[::-1], self.error_us) for source, each in by_source.items()}
        setups = {} if installation is None else {setup.name: setup for setup in installation.nodes}
        self.nodes = [
            NodeEvidence(name, lines.get(name, []), setups.get(name), self.timeout_us) for name in record.nodes
        ]
        server = lines.get(SERVER, [])
        self.counts = Lane(each for each in server if each.it.what is What.STATUS and each.it.count is not None)
        self.server_starts = Lane(each for each in server if each.it.what is What.STARTED)
        self.stops = list(_stops([each for each in server if each.it.what in (What.STARTED, What.STOPPED)]))
        self._network = [each for each in lines.get(NETWORK, []) if each.it.what in (What.STARTED, What.STOPPED)]

    @property
    def licence(self) -> LicenceSpec | None:
        """What is licensed, if that is known."""
        return None if self.installation is None else self.installation.licence

    @property
    def lease_us(self) -> int:
        """How long after the last contact the server lets a slot live at most, by the reading."""
        return DAY_US + (PERIOD_US if self.reading.lapse_needs_later_miss else 0)

    @cached_property
    def cuts(self) -> list[Cut]:
        """The stretches in which the network was surely cut, in order of their beginnings."""
        cuts: list[Cut] = []
        begun: dict[frozenset[str], list[Seen]] = {}
        for each in self._network:
            whom = frozenset(each.it.nodes)
            if each.it.what is What.STOPPED:
                begun.setdefault(whom, []).append(each)
                continue
            ends = [whom] if begun.get(whom) else list(begun) if not whom else []
            for key in ends:
                if begun[key]:
                    since = begun[key].pop(0)
                    cuts.append((since.last_us, each.first_us, since, key))
        cuts += [(since.last_us, _NEVER_US, since, whom) for whom, each in begun.items() for since in each]
        return sorted(cuts, key=lambda cut: cut[0])

    def contact_since(self, node: NodeEvidence, each: Seen) -> tuple[int, tuple[Seen, ...]] | None:
        """Return since when at the latest ``node`` has had no answer at the time of a line, with the lines that prove
        that it had one then: its last contact is surely no earlier. ``None`` if nothing tells.

        A register that succeeded is one. In a complete record, so is a status `registered` of a node that nothing was
        done to: it polled within two hours before.
        """
        found: list[tuple[int, tuple[Seen, ...]]] = []
        if (register := node.registered.last_before(each.first_us)) is not None:
            found.append((register.first_us - self.timeout_us, (register,)))
        if self.complete and (status := node.shown_registered.last_before(each.first_us)) is not None:
            since_us = status.first_us - longest(PERIOD_US) - self.timeout_us
            lanes = (node.restarts, node.unbound, node.rows)
            if not any(lane.any_around(since_us, status.last_us) for lane in lanes):
                found.append((since_us, (status,)))
        return max(found, key=lambda contact: contact[0], default=None)

    @property
    def least_day_us(self) -> int:
        """How little true time a host may take for 24 h: over a reboot it reckons by its wall clock."""
        return shortest(DAY_US) - 2 * self.error_us

    @property
    def most_day_us(self) -> int:
        """How much true time a node may take for 24 h."""
        return longest(DAY_US) + 2 * self.error_us

    def surely_within_a_day(self, since_us: int, each: Seen) -> bool:
        """Tell whether a line surely was less than 24 h after an instant, by any clock."""
        return each.last_us < since_us + self.least_day_us


def _told(each: Observation) -> tuple[object, ...]:
    """Return what a line says, in whatever words."""
    return each.source, each.what, each.at_us, each.code, each.status, each.count, each.address, each.by_us, each.nodes


def _stops(lines: list[Seen]) -> Iterator[Stop]:
    """Yield the stops that lines of starts and stops tell of.

    A start that ends no stop, just before a stop, may as well have ended that one: a clock was set in between, or
    whoever wrote both down to the minute took them in that order.
    """
    begun: Seen | None = None
    again: Seen | None = None
    early: Seen | None = None
    for each in lines:
        if each.it.what is What.STOPPED:
            if begun is None and early is not None and not early.surely_before(each):
                yield Stop(each, each, early)
            else:
                begun, again = begun or each, each
            early = None
        elif begun is not None and again is not None:
            yield Stop(begun, again, each)
            begun = again = None
        else:
            early = each
    if begun is not None and again is not None:
        yield Stop(begun, again, None)
