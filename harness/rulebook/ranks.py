"""Judging a fleet in rank: the law in columns.

A trace of many nodes is kept in legs (`harness.ranks.legs`), and most rules have the same to say of every request of a
leg. So the law is checked here once for all legs: each request has the fate that the scenario's faults give it, follows
the one before it by two hours or an administrator's word, lapses the node when it has to, and takes, keeps or loses
the slot that it has to. Where all of that is so, every rule holds, and what is left is to count how often each was put
to the test. Where anything is not, nothing is said here, and the rules judge the trace row by row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from harness.ranks.legs import (
    ACCEPTED,
    AT_PORT,
    FULL,
    LAPSES,
    PERIOD_US,
    REGISTER,
    SILENT,
    Column,
    Columns,
    Fate,
    Ints,
    Part,
    Slots,
)
from harness.rulebook.verdicts import Finding, Judgement, Ruling
from harness.scenario import Event, Scenario, Verb
from harness.trace import SlotChange, Status, Trace
from reference_server.readings import Reading

__all__ = ["judge_in_rank", "judge_ranks"]

_DAY_US = 24 * 3_600_000_000
_NEVER_US = 1 << 61
#: By fate, whether the server decides.
_DECIDED = ACCEPTED | FULL
#: By status, whether it is that of a registration.
_HOLDING = np.isin(np.arange(len(Status)), (Status.REGISTERED, Status.INTERRUPTED))


def judge_in_rank(
    scenario: Scenario,
    reading: Reading,
    trace: Trace,
    rules: Sequence[str],
    by_rows: Callable[[Scenario, Reading, Trace], dict[str, Judgement]],
) -> dict[str, Judgement] | None:
    """Return what each of ``rules`` makes of a trace with nodes in rank, ``None`` if those are not as the law says.

    :param by_rows: judges the trace of the nodes that are not in rank, where there are such.
    """
    others: Any = getattr(trace, "others", None)
    if others is None:
        return judge_ranks(scenario, trace.parts, rules)
    marching: Any = getattr(trace, "marching", None)
    lawful = judge_ranks(marching.scenario, trace.parts, rules)
    if lawful is None:
        return None
    judged = by_rows(others.scenario, reading, others.trace)
    both = {rule: _added(lawful[rule], judged[rule]) for rule in rules}
    # Both have seen the same server return, and of the slots each has seen its own.
    both["R086"] = judged["R086"]
    taken = np.frombuffer(trace.slots.column("change"), np.int64) == SlotChange.TAKEN
    beside = int((taken & (np.frombuffer(trace.slots.column("live"), np.int64) > 1)).sum())
    for rule in ("R017", "R071"):
        if not both[rule].violations:
            both[rule] = replace(both[rule], tested=beside, ruling=Ruling.HELD if beside else Ruling.UNKNOWN)
    return both


def _added(lawful: Judgement, judged: Judgement) -> Judgement:
    """Return what a rule makes of two groups of nodes, of which the first one is lawful."""
    if judged.trouble:
        return judged
    tested = lawful.tested + judged.tested
    held = Ruling.HELD if tested else Ruling.UNKNOWN
    notes = lawful.notes
    if judged.notes:
        notes = tuple(sorted((*lawful.notes, *judged.notes), key=lambda note: note.at_us))
    return replace(judged, tested=tested, ruling=Ruling.VIOLATED if judged.violations else held, notes=notes)


def judge_ranks(scenario: Scenario, parts: Sequence[Part], rules: Sequence[str]) -> dict[str, Judgement] | None:
    """Return what each of ``rules`` makes of a fleet in rank, ``None`` if anything is not as the law says.

    :param parts: the trace in legs.
    """
    law = _Law(scenario)
    census = _Census(scenario)
    first = 0
    for part in parts:
        after = int(part.legs.node[-1]) + 1 if len(part.legs.node) else first
        if not law.holds(part, first, after):
            return None
        census.take(part, law)
        first = after
    if not law.nobody_waits(first) or not census.slots_suffice():
        return None
    tested = census.tested()
    notes = census.notes()
    return {
        rule: Judgement(
            rule=rule,
            ruling=Ruling.HELD if tested.get(rule) else Ruling.UNKNOWN,
            tested=tested.get(rule, 0),
            notes=notes if rule == "R034" else (),
        )
        for rule in rules
    }


def _after() -> Column:
    """Return, by what a leg is, the status in which it leaves its node, negative if it leaves it as it was."""
    after = np.full(LAPSES * 2, Status.INTERRUPTED, np.int8)
    after[LAPSES:] = Status.LAPSED
    after[REGISTER:LAPSES] = -1
    after[Fate.GRANTED] = after[Fate.GRANTED + REGISTER] = Status.REGISTERED
    return after


_AFTER = _after()


class _Stretches:
    """Stretches ``[start, end)`` that do not overlap, in order."""

    def __init__(self, stretches: Sequence[tuple[int, int]]) -> None:
        merged: list[tuple[int, int]] = []
        for start_us, end_us in sorted(stretches):
            if merged and start_us <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end_us, merged[-1][1]))
            else:
                merged.append((start_us, end_us))
        self._starts = np.array([start_us for start_us, _ in merged], np.int64)
        self._ends = np.array([end_us for _, end_us in merged], np.int64)

    def count(self, first_us: Ints, polls: Ints) -> Ints:
        """Return, of each run of instants two hours apart, how many lie within a stretch."""
        found = np.zeros(len(first_us), np.int64)
        if not len(self._ends):
            return found
        last_us = first_us + (polls - 1) * PERIOD_US
        place = np.searchsorted(self._ends, first_us, "right")
        rows = np.flatnonzero(place < len(self._ends))
        while len(rows):
            rows = rows[self._starts[place[rows]] <= last_us[rows]]
            starts, ends = self._starts[place[rows]], self._ends[place[rows]]
            whole = (starts <= first_us[rows]) & (last_us[rows] < ends)
            found[rows[whole]] = polls[rows[whole]]
            rows, starts, ends = rows[~whole], starts[~whole], ends[~whole]
            found[rows] += _inside(first_us[rows], polls[rows], starts, ends)
            place[rows] += 1
            rows = rows[place[rows] < len(self._ends)]
        return found


def _inside(first_us: Ints, polls: Ints, start_us: Ints, end_us: Ints) -> Ints:
    """Return how many instants of each run, two hours apart, lie in ``[start_us, end_us)``."""
    before_start = np.clip(-((first_us - start_us) // PERIOD_US), 0, polls)
    before_end = np.clip(-((first_us - end_us) // PERIOD_US), 0, polls)
    inside: Ints = before_end - before_start
    return inside


class _Cuts:
    """When the packets of one direction are lost: those of everybody, and those of single nodes."""

    def __init__(self, scenario: Scenario, direction: str) -> None:
        count = len(scenario.nodes)
        place: dict[str, int] = {}
        everybody: list[tuple[int, int]] = []
        own: dict[int, list[tuple[int, int]]] = {}
        heals = [event for event in scenario.events if event.verb is Verb.NETWORK_HEAL and _means(event, direction)]
        healed = [(heal.at_us, frozenset(heal.nodes)) for heal in heals]
        for event in scenario.events:
            if event.verb is not Verb.NETWORK_CUT or not _means(event, direction):
                continue
            until_us = _NEVER_US if event.until_us is None else event.until_us
            if len(event.nodes) == count and not healed:
                everybody.append((event.at_us, until_us))
                continue
            place = place or {node.name: i for i, node in enumerate(scenario.nodes)}
            for name in event.nodes:
                ends = [at_us for at_us, names in healed if at_us > event.at_us and name in names]
                own.setdefault(place[name], []).append((event.at_us, min([*ends, until_us])))
        self._everybody = _Stretches(everybody)
        # A cut that overlaps another is no second one, so who has cuts of its own has those of everybody among them.
        rows = {node: _Stretches([*cuts, *everybody]) for node, cuts in own.items()}
        self._row = np.full(count, -1)
        self._row[list(rows)] = np.arange(len(rows))
        width = max((len(each._starts) for each in rows.values()), default=0)
        self._starts, self._ends = np.full((2, len(rows), width), _NEVER_US)
        for row, each in enumerate(rows.values()):
            self._starts[row, : len(each._starts)] = each._starts
            self._ends[row, : len(each._ends)] = each._ends

    def count(self, node: Column, first_us: Ints, polls: Ints) -> Ints:
        """Return how many instants of each run lie within a cut."""
        found = self._everybody.count(first_us, polls)
        row = self._row[node]
        own = np.flatnonzero(row >= 0)
        if not len(own):
            return found
        found[own] = 0
        for k in range(self._starts.shape[1]):
            start_us, end_us = self._starts[row[own], k], self._ends[row[own], k]
            found[own] += _inside(first_us[own], polls[own], start_us, end_us)
        return found


def _means(event: Event, direction: str) -> bool:
    return event.direction in ("both", direction) and not event.idle


def _downs(scenario: Scenario) -> list[tuple[int, int]]:
    """Return when the server's program does not run."""
    starts = sorted(event.at_us for event in scenario.events if event.verb is Verb.SERVER_START)
    downs = []
    for event in scenario.events:
        if event.verb in (Verb.SERVER_STOP, Verb.SERVER_CRASH) and not event.idle:
            ends = [at_us for at_us in starts if at_us > event.at_us][:1]
            ends += [] if event.until_us is None else [event.until_us]
            downs.append((event.at_us, min(ends, default=_NEVER_US)))
    return sorted(downs)


class _Law:
    """What has to become of every node of ``scenario``."""

    def __init__(self, scenario: Scenario) -> None:
        self.end_us = scenario.duration_us
        self.latency_us = scenario.network.latency_us
        # A refusal, and that of the port, come back at once; what is lost, or its answer, is given up in the end.
        heard_us, given_up_us = 2 * scenario.network.latency_us, scenario.network.timeout_us
        self.known_after_us = np.where(SILENT, given_up_us, heard_us)
        self.downs = _downs(scenario)
        self._down = _Stretches(self.downs)
        self._lost, self._deaf = _Cuts(scenario, "requests"), _Cuts(scenario, "answers")
        registers = (-1 if node.register_us is None else node.register_us for node in scenario.nodes)
        self._register_us = np.fromiter(registers, np.int64, len(scenario.nodes))
        self._asked = {only: _Asked(scenario, only) for only in ("lapsed", "unregistered")}
        self._asked_anyway = _Asked(scenario, None)

    def holds(self, part: Part, first: int, after: int) -> bool:
        """Tell whether all legs, and slots, of the nodes from ``first`` up to ``after`` are as they have to be."""
        legs, begins = part.legs, part.legs.begins
        heard = np.zeros(after - first, bool)
        heard[legs.node - first] = True
        silent = first + np.flatnonzero(~heard)
        return (
            bool(self._first_register_us(silent).min(initial=_NEVER_US) > self.end_us)
            and self._fated(legs)
            and self._in_turn(legs, begins)
            and self._slots(part)
        )

    def nobody_waits(self, first: int) -> bool:
        """Tell whether those from ``first`` on, of whom nothing is told, had nothing to do."""
        rest = np.arange(first, len(self._register_us))
        return bool(self._first_register_us(rest).min(initial=_NEVER_US) > self.end_us)

    def _first_register_us(self, nodes: Ints) -> Ints:
        """Return when ``nodes`` are first registered."""
        known_us = self._register_us[nodes]
        since_us = np.full(len(nodes), -1)
        asked_us = self._asked["unregistered"].after(since_us, nodes)
        asked_us = np.minimum(asked_us, self._asked_anyway.after(since_us, nodes))
        return np.where(known_us < 0, asked_us, known_us)

    def _fated(self, legs: Columns) -> bool:
        """Tell whether each request has the fate that the faults give it."""
        polls = legs.polls.astype(np.int64)
        arrives_us = legs.first_us + self.latency_us
        lost = self._lost.count(legs.node, legs.first_us, polls)
        down = self._down.count(arrives_us, polls)
        deaf = self._deaf.count(legs.node, arrives_us, polls)
        # One leg, one fate. What is lost on the way has no other.
        arriving = lost == 0
        one = np.where(arriving, ((down == 0) | (down == polls)) & ((deaf == 0) | (deaf == polls)), lost == polls)
        fate = np.select(
            [~arriving, (down > 0) & (deaf > 0), down > 0, deaf > 0],
            [Fate.LOST, Fate.PORT_DEAF, Fate.PORT, Fate.DEAF],
            Fate.GRANTED,
        )
        told = np.select([legs.fate == Fate.FULL, legs.fate == Fate.FULL_DEAF], [Fate.GRANTED, Fate.DEAF], legs.fate)
        registers_alone = legs.registers | ~FULL[legs.fate]
        return bool((one & (fate == told) & registers_alone & ((polls == 1) | ~legs.registers)).all())

    def _in_turn(self, legs: Columns, begins: Column) -> bool:
        """Tell whether each leg comes when it has to, and finds its node in the status that the ones before left."""
        granted, registers = legs.fate == Fate.GRANTED, legs.registers
        after = _AFTER[legs.what]
        if (after < 0).any():
            # A register that fails leaves the status as it was.
            after = _carried(after, begins)
            after[after < 0] = Status.UNREGISTERED
        before = np.empty_like(after)
        before[1:] = after[:-1]
        before[begins] = Status.UNREGISTERED
        holding_before = _HOLDING[before]
        holding = _HOLDING[after]
        # Who holds a registration polls two hours later; who does not waits for an administrator.
        last_us = legs.last_us
        known_us = last_us + self.known_after_us[legs.fate]
        rests_us = np.where(legs.lapses, known_us, last_us)
        next_us = np.where(holding, last_us + PERIOD_US, _NEVER_US)
        for status, only in ((Status.LAPSED, "lapsed"), (Status.UNREGISTERED, "unregistered")):
            rows = np.flatnonzero(after == status)
            next_us[rows] = self._asked[only].after(rests_us[rows], legs.node[rows])
        asked_us = self._asked_anyway.after(np.where(holding, last_us, rests_us), legs.node)
        comes_next = asked_us <= next_us
        next_us = np.minimum(next_us, asked_us)
        # In the midst of a request, or in vain, nobody who holds a registration is registered in rank.
        caught = legs.lapses & (self._asked_anyway.after(last_us, legs.node) <= known_us)
        anyway = np.zeros(len(begins), bool)
        anyway[1:] = comes_next[:-1] & (known_us[:-1] < asked_us[:-1])
        anyway[begins] = False
        due_us = np.empty_like(next_us)
        due_us[1:] = next_us[:-1]
        due_us[begins] = self._first_register_us(legs.node[begins])
        ends = np.ones(len(begins), bool)
        ends[:-1] = begins[1:]
        # 24 h after the last contact the registration is lost, with the poll that is sent then, and not before.
        misses = np.flatnonzero(~granted & ~registers)
        contact = np.maximum.accumulate(np.where(granted, np.arange(len(granted)), 0))[misses]
        deadline_us = last_us[contact] + _DAY_US
        lapses = np.zeros(len(granted), bool)
        lapses[misses] = last_us[misses] == deadline_us
        return bool(
            (
                (legs.found == before)
                & np.where(holding_before, ~registers | (anyway & granted), registers)
                & (~anyway | registers)
                & ~caught
                & (legs.first_us == due_us)
                & (last_us <= self.end_us)
                & (~ends | (next_us > self.end_us))
                & (legs.lapses == lapses)
            ).all()
            and (last_us[misses] <= deadline_us).all()
        )

    def _slots(self, part: Part) -> bool:
        """Tell whether slots are taken, and void, when they have to be, and nobody is refused who has one."""
        legs = part.legs
        decided = legs.of(np.flatnonzero(_DECIDED[legs.fate]))
        full = FULL[decided.fate]
        arrives_us = decided.first_us + self.latency_us
        until_us = decided.last_us + self.latency_us + _DAY_US
        if full.any():
            # Whoever is refused leaves the slot as it was.
            until_us = _carried(np.where(full, -1, until_us), decided.begins)
        anew = decided.begins
        anew[1:] |= arrives_us[1:] > until_us[:-1]
        if (full & ~anew).any():
            return False
        held = ~full
        anew, node, arrives_us, until_us = anew[held], decided.node[held], arrives_us[held], until_us[held]
        gone = np.ones(len(anew), bool)
        gone[:-1] = anew[1:]
        taken = _up_to(Slots(arrives_us[anew], node[anew]), self.end_us)
        voided = _up_to(Slots(until_us[gone] + 1, node[gone]), self.end_us)
        return all(map(np.array_equal, taken, part.taken)) and all(map(np.array_equal, voided, part.voided))


def _up_to(slots: Slots, end_us: int) -> Slots:
    known = slots.at_us <= end_us
    return Slots(slots.at_us[known], slots.node[known])


def _carried(values: Ints, begins: Column) -> Ints:
    """Return ``values`` with each that is negative replaced by the last one before it, of the same node."""
    places = np.arange(len(values))
    start = np.maximum.accumulate(np.where(begins, places, 0))
    known = np.maximum.accumulate(np.where(values >= 0, places, -1))
    carried: Ints = np.where(known >= start, values[known], -1)
    return carried


class _Asked:
    """When an administrator registers the nodes that have the status ``only``; ``None``: whatever it is."""

    def __init__(self, scenario: Scenario, only: str | None) -> None:
        count = len(scenario.nodes)
        everybody: list[int] = []
        self._some: list[tuple[int, Column]] = []
        for event in scenario.events:
            if event.verb is not Verb.NODE_REGISTER or event.only != only or event.idle:
                continue
            if len(event.nodes) == count:
                everybody.append(event.at_us)
                continue
            names = frozenset(event.nodes)
            self._some.append((event.at_us, np.array([node.name in names for node in scenario.nodes], bool)))
        self._everybody = np.array([*sorted(everybody), _NEVER_US], np.int64)

    def after(self, since_us: Ints, nodes: Ints) -> Ints:
        """Return when each of ``nodes`` is registered next that has had the status since ``since_us``."""
        next_us = self._everybody[np.searchsorted(self._everybody, since_us, "right")]
        for at_us, members in self._some:
            meant = members[nodes] & (since_us < at_us)
            next_us = np.where(meant, np.minimum(next_us, at_us), next_us)
        return next_us


class _Overlap(NamedTuple):
    """Access that outlives a slot: from when, of which node, and for how long."""

    at_us: Ints
    node: Column
    length_us: Ints


class _Notes(Sequence[Finding]):
    """The overlaps of access and slots, told one by one to whoever asks."""

    def __init__(self, scenario: Scenario, overlaps: _Overlap) -> None:
        self._setups = scenario.nodes
        order = np.lexsort((overlaps.node, overlaps.at_us))
        self._overlaps = _Overlap(*(column[order] for column in overlaps))

    def __len__(self) -> int:
        return len(self._overlaps.at_us)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return tuple(self[k] for k in range(*place.indices(len(self))))
        at_us, node, length_us = (int(column[place]) for column in self._overlaps)
        # Nothing but the patience of the node lets access outlive a slot while all clocks are right.
        message = f"access outlives the slot by {length_us} us (grace: its last poll may still be answered)"
        return Finding(at_us=at_us, node=self._setups[node].name, message=message)


@dataclass
class _Census:
    """How often a lawful fleet put each rule to the test."""

    scenario: Scenario
    counts: Counter[str] = field(default_factory=Counter)
    overlaps: list[_Overlap] = field(default_factory=list)
    taken: list[Slots] = field(default_factory=list)
    voided: list[Slots] = field(default_factory=list)
    full: list[Slots] = field(default_factory=list)

    def __post_init__(self) -> None:
        nodes, count = self.scenario.nodes, len(self.scenario.nodes)
        addresses = np.fromiter((node.address for node in nodes), np.int64, count)
        self._in_range = np.zeros(count, bool)
        for first, last in self.scenario.licence.ranges:
            if first < last:
                self._in_range |= (first <= addresses) & (addresses <= last)
        self._member = np.fromiter((node.cluster is not None for node in nodes), bool, count)

    def _add(self, what: str, count: Any) -> None:
        self.counts[what] += int(count)

    def take(self, part: Part, law: _Law) -> None:
        """Count what a part of the fleet did."""
        legs, end_us, latency_us = part.legs, law.end_us, law.latency_us
        polls, fate, registers = legs.polls.astype(np.int64), legs.fate, legs.registers

        last_us = legs.last_us

        def by(due_us: Ints) -> Ints:
            """Return how many requests of each leg have come as far by the end as the last one comes at ``due_us``."""
            missing = np.flatnonzero(due_us > end_us)
            counted = polls.copy()
            counted[missing] -= np.minimum((due_us[missing] - end_us - 1) // PERIOD_US + 1, polls[missing])
            return counted

        lapsed_us = last_us + law.known_after_us[fate]
        arrived, ended = by(last_us + latency_us), by(lapsed_us)
        granted, accepted = fate == Fate.GRANTED, ACCEPTED[fate]
        full, at_port = FULL[fate], AT_PORT[fate]
        decided = accepted | full
        self._add("registers", registers.sum())
        self._add("polls", polls[~registers].sum())
        self._add("accepted", arrived[accepted].sum())
        self._add("accepted polls", arrived[accepted & ~registers].sum())
        self._add("accepted of members", arrived[accepted & registers & self._member[legs.node]].sum())
        self._add("full", arrived[full].sum())
        self._add("decided in a range", arrived[decided & self._in_range[legs.node]].sum())
        self._add("granted", ended[granted].sum())
        self._add("turned down", ended[fate == Fate.FULL].sum())
        self._add("members turned down", ended[(fate == Fate.FULL) & self._member[legs.node]].sum())
        self._add("unanswered", ended[~granted & (fate != Fate.FULL)].sum())
        self._add("registered", ended[granted & registers].sum())
        self._add("not registered", ended[~granted & registers].sum())
        self._add("refused by the port", ended[at_port].sum())
        self._add("lost", polls[fate == Fate.LOST].sum())
        self._add("unheard", arrived[SILENT[fate] & (fate != Fate.LOST)].sum())
        self._add("lapsed", (legs.lapses & (lapsed_us <= end_us)).sum())
        self._add("voided", len(part.voided.at_us))
        brought_back = granted & (legs.found == Status.LAPSED) & (ended > 0)
        self._add("brought back", brought_back.sum())
        self._young_stops(legs, law, at_port, ended)
        self._recoveries(legs, law)
        self._stops(part, law, decided & registers & (arrived > 0), accepted)
        self.taken.append(part.taken)
        self.voided.append(part.voided)
        turned_away = full & (arrived > 0)
        self.full.append(Slots(legs.first_us[turned_away] + latency_us, legs.node[turned_away]))
        self._note_overlaps(legs, law, lapsed_us)

    def _young_stops(self, legs: Columns, law: _Law, at_port: Column, ended: Ints) -> None:
        """Count the requests that a server refuses that has been down for less than 24 h."""
        young = [(start_us, min(end_us, start_us + _DAY_US + law.latency_us)) for start_us, end_us in law.downs]
        arrives_us = legs.first_us + law.latency_us
        self._add("refused young", _Stretches(young).count(arrives_us[at_port], ended[at_port]).sum())

    def _recoveries(self, legs: Columns, law: _Law) -> None:
        """Count the polls that bring nodes back after stops of less than 24 h, for each stop since the poll before."""
        backs_us = [end_us for start_us, end_us in law.downs if end_us - start_us < _DAY_US and end_us <= law.end_us]
        back = np.flatnonzero(
            (legs.what == Fate.GRANTED)
            & (legs.found == Status.INTERRUPTED)
            & (legs.first_us + 2 * law.latency_us <= law.end_us)
        )
        served_us = legs.first_us[back] + law.latency_us
        # The poll before has failed by the time that the server returns, and would not be served by it any more.
        missed_us = legs.last_us[back - 1]
        since_us = np.maximum(missed_us + law.known_after_us[legs.fate[back - 1]], missed_us + law.latency_us + 1)
        until_us = np.minimum(served_us + 1, served_us + law.latency_us)
        stops = np.searchsorted(backs_us, until_us, "left") - np.searchsorted(backs_us, since_us, "left")
        self._add("recovered", np.maximum(stops, 0).sum())

    def _stops(self, part: Part, law: _Law, asking: Column, accepted: Column) -> None:
        """Count who held a slot when a stop began, and after more than 24 h the registers that brought them back."""
        legs = part.legs
        for start_us, end_us in law.downs if len(legs.node) else ():
            if end_us > law.end_us:
                continue
            held = _by_node(part.taken, start_us, legs.node) - _by_node(part.voided, start_us, legs.node)
            self._add("held over a stop", held.sum())
            if end_us - start_us <= _DAY_US:
                continue
            self._add("held over a day", held.sum())
            after = np.flatnonzero(asking & (legs.first_us + law.latency_us >= end_us))
            # Of each node the first one counts.
            after = after[legs.of(after).begins]
            self._add("registered after a day", accepted[after[held[legs.node[after] - legs.node[0]] > 0]].sum())

    def _note_overlaps(self, legs: Columns, law: _Law, lapsed_us: Ints) -> None:
        places = np.where(ACCEPTED[legs.fate], np.arange(len(legs.node)), 0)
        rows = np.flatnonzero(legs.lapses)
        # Whoever lapses was granted something before.
        kept = np.maximum.accumulate(places)[rows]
        void_us = legs.last_us[kept] + law.latency_us + _DAY_US + 1
        length_us = np.minimum(lapsed_us[rows], law.end_us) - void_us
        overlap = _Overlap(void_us, legs.node[rows], length_us)
        self.overlaps.append(_Overlap(*(column[length_us > 0] for column in overlap)))

    # The fleet as a whole.

    def slots_suffice(self) -> bool:
        """Tell whether slots were given to who came first, as many as are licensed, and nobody was refused before."""
        capacity = self.scenario.licence.capacity
        taken_us = np.sort(np.concatenate([each.at_us for each in self.taken]))
        voided_us = np.sort(np.concatenate([each.at_us for each in self.voided]))
        live = np.arange(len(taken_us)) - np.searchsorted(voided_us, taken_us, "right")
        self._add("taken", len(taken_us))
        self._add("taken beside others", (live > 0).sum())
        if (live >= capacity).any():
            return False
        full = Slots(*map(np.concatenate, zip(*self.full, strict=True)))
        if not len(full.at_us):
            return True
        taken = Slots(*map(np.concatenate, zip(*self.taken, strict=True)))
        # Who comes at one instant comes in order of the nodes; a take counts for those after it.
        at_us = np.concatenate([taken.at_us, full.at_us])
        takes = np.arange(len(at_us)) < len(taken.at_us)
        order = np.lexsort((np.concatenate([taken.node, full.node]), at_us))
        taken_before = np.cumsum(takes[order])[~takes[order]]
        live = taken_before - np.searchsorted(voided_us, at_us[order][~takes[order]], "right")
        return bool((live >= capacity).all())

    def notes(self) -> Sequence[Finding]:
        """Return where access outlived a slot."""
        return _Notes(self.scenario, _Overlap(*map(np.concatenate, zip(*self.overlaps, strict=True))))

    def tested(self) -> dict[str, int]:
        """Return how often each rule was put to the test, by its id."""
        licence, downs = self.scenario.licence, _downs(self.scenario)
        count = self.counts
        decided = count["accepted"] + count["full"]
        failed = count["unanswered"] + count["turned down"]
        returned = sum(end_us <= self.scenario.duration_us for _, end_us in downs)
        return {
            "R005": count["accepted"],
            "R006": count["granted"],
            "R007": count["granted"],
            "R008": count["turned down"],
            "R013": count["lost"] + count["unheard"],
            "R017": count["taken beside others"],
            "R018": count["taken"] + count["full"],
            "R019": count["accepted of members"],
            "R021": count["decided in a range"],
            "R026": count["held over a day"],
            "R027": count["refused young"],
            "R028": count["recovered"],
            "R029": count["held over a day"],
            "R030": count["registered after a day"],
            "R031": count["polls"],
            "R032": decided,
            "R033": count["lapsed"],
            "R034": count["voided"] + count["accepted polls"],
            "R035": count["brought back"],
            "R036": failed,
            "R037": failed,
            "R067": 0 if licence.applications else decided,
            "R071": count["taken beside others"],
            "R072": count["taken"] + count["full"],
            "R081": count["held over a day"],
            "R082": count["refused by the port"] + count["held over a stop"],
            "R086": returned,
            "R092": count["registers"],
            "R097": count["lost"] + count["unheard"],
            "R098": count["registered"],
            "R099": count["accepted"],
            "R101": count["not registered"],
            "R105": count["members turned down"],
            "R118": count["full"],
            "R119": count["unanswered"],
            "R120": count["full"],
        }


def _by_node(slots: Slots, before_us: int, nodes: Column) -> Ints:
    """Return how many changes there were before ``before_us``, by node, counted from the first of ``nodes`` on."""
    counted: Ints = np.bincount(slots.node[slots.at_us < before_us] - nodes[0], minlength=nodes[-1] - nodes[0] + 1)
    return counted
