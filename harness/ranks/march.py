"""The march: a fleet in rank goes from edge to edge, and what becomes of its requests in between is arithmetic.

The fate of a request depends on when it is sent: on the cuts that are in force then, and on whether the server's
program runs a latency later. Between two edges it is the same for every request of a node, so a node's polls there are
one `Leg`: so many, from its next one on, every two hours. What is left is to count them, and to see who lapses: a poll
is sent at exactly 24 h after the last contact, and when that one fails, the registration is lost.

Slots are first come, first served. As long as there are enough for everybody nobody has to wait to be told; else the
registers between two edges are decided one after the other, each seeing the slots that are void by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from fake_fdl_nodes.node import LEASE_US, PERIOD_US
from harness.network import Way
from harness.ranks.fit import FOREVER, Batch, Orders, Stretch
from harness.ranks.history import RankTrace
from harness.ranks.legs import Column, Fate, Ints, Legs, Part, known_after_us
from harness.scenario import Scenario
from harness.trace import NEVER, Status

__all__ = ["march"]

#: So many nodes march together.
_TOGETHER = 1 << 12


#: What the running server grants, if there is a slot.
_ARRIVING = (Fate.GRANTED, Fate.DEAF)


def march(scenario: Scenario, orders: Orders) -> RankTrace | Ints:
    """Take the fleet of ``scenario`` through what it is ordered to live through.

    Return its trace, or the places of the nodes that fell out of step: an administrator registered them in the midst of
    a request, or in vain, so that their polls do not meet their deadline any more.
    """
    count = len(scenario.nodes)
    contended = count > scenario.licence.capacity
    parts: list[Part] = []
    astray: list[Ints] = []
    # Nodes that need not share slots need not march together, and take less room one part after the other.
    for first in range(0, count, count if contended else _TOGETHER):
        some = orders if contended else orders.part(first, first + _TOGETHER)
        fleet = _Fleet(scenario, some, first)
        for start_us, end_us in pairwise(fleet.edges()):
            fleet.advance(start_us, end_us)
        parts += fleet.finish().parts(_TOGETHER)
        astray.append(first + np.flatnonzero(fleet.astray))
    out_of_step = np.concatenate(astray)
    return out_of_step if len(out_of_step) else RankTrace(scenario, orders, parts)


class _Fleet:
    """The state of every node, and of its slot at the server, in columns."""

    def __init__(self, scenario: Scenario, orders: Orders, first: int) -> None:
        count = len(orders.register_us)
        self._latency_us = scenario.network.latency_us
        self._capacity = scenario.licence.capacity
        self._contended = len(scenario.nodes) > self._capacity
        self._end_us = scenario.duration_us + 1
        self._orders = orders
        self._batches = {batch.at_us: batch for batch in orders.batches}
        self._legs = Legs(first, count, scenario.network, scenario.duration_us)
        self._known_after_us = known_after_us(scenario.network)
        self._status = np.full(count, Status.UNREGISTERED, np.int8)
        #: When the next register and the next poll are to be sent.
        self._register_us = np.where(orders.register_us < 0, FOREVER, orders.register_us)
        self._due_us = np.full(count, FOREVER)
        self._contact_us = np.full(count, NEVER)
        self._lapsed_us = np.full(count, FOREVER)
        #: When it is known what has become of the last request.
        self._known_us = np.full(count, NEVER)
        #: Who has fallen out of step.
        self.astray = np.zeros(count, bool)
        #: When the last request arrived that the server granted.
        self._arrived_us = np.full(count, NEVER)
        self._downs = [down for down, _ in orders.downs]
        self._own = _OwnCuts(orders, self._latency_us)

    def edges(self) -> list[int]:
        """Return the instants of sending at which the fate of requests changes for all, from 0 to after the end."""
        latency_us = self._latency_us
        edges = {0, self._end_us, *self._batches}
        for start_us, end_us in self._downs:
            edges |= {start_us - latency_us, end_us - latency_us}
        for way, cuts in self._orders.cuts.items():
            late_us = latency_us if way is Way.DOWN else 0
            for start_us, end_us in cuts:
                edges |= {start_us - late_us, end_us - late_us}
        if self._contended:
            # Whoever is registered between two edges keeps the slot up to the next one.
            known = self._orders.register_us
            first_us, last_us = int(known[known >= 0].min(initial=0)), int(known.max(initial=0))
            edges |= set(range(first_us, last_us, LEASE_US // 2))
        return sorted(edge for edge in edges if 0 <= edge <= self._end_us)

    def advance(self, start_us: int, end_us: int) -> None:
        """Let everything be sent that is sent from ``start_us`` on and before ``end_us``."""
        batch = self._batches.get(start_us)
        if batch is not None:
            self._ask(batch)
        registering = self._register_us < end_us
        if not self._goes_on(start_us, end_us):
            polling = np.flatnonzero((self._due_us < end_us) & ~registering)
            for nodes, until_us, fate in self._steps(polling, start_us, end_us):
                self._poll(nodes, until_us, fate)
        if registering.any():
            asking = np.flatnonzero(registering)
            granted = self._decide(asking, start_us) if self._contended else None
            for nodes, until_us, fate in self._steps(asking, start_us, end_us):
                self._register(nodes, until_us, fate, granted)
                self._poll(nodes, until_us, fate)

    def _goes_on(self, start_us: int, end_us: int) -> bool:
        """Tell whether polls before the edge at ``end_us`` can wait for what comes after it, and be one leg with it."""
        batch = self._batches.get(end_us)
        if batch is not None and batch.only is None:
            return False
        fates = self._fate(start_us), self._fate(end_us)
        waits = fates == (Fate.GRANTED, Fate.GRANTED) and end_us < self._end_us
        return waits and not self._contended and not self._own.any

    def finish(self) -> Legs:
        """Return what has become of all requests, and of the slots."""
        held = np.flatnonzero(self._arrived_us != NEVER)
        self._legs.void(held, self._arrived_us[held] + LEASE_US + 1)
        return self._legs

    def _ask(self, batch: Batch) -> None:
        """The administrator registers those who are found in a status, or everybody."""
        at_us = batch.at_us
        lapsed = (self._status == Status.LAPSED) & (self._lapsed_us < at_us)
        if batch.only == "lapsed":
            found = lapsed
        elif batch.only == "unregistered":
            found = self._status == Status.UNREGISTERED
        else:
            found = np.ones(len(lapsed), bool)
        if batch.nodes is not None:
            meant = np.zeros(len(found), bool)
            meant[batch.nodes] = True
            found &= meant
        self._register_us[found] = at_us
        if batch.only is None:
            holding = found & ~lapsed & (self._status != Status.UNREGISTERED)
            granted = np.full(len(found), self._fate(at_us) is Fate.GRANTED)
            granted &= ~self._own.cut(at_us)
            self.astray |= holding & ((self._known_us >= at_us) | ~granted)

    # What becomes of what is sent when.

    def _fate(self, sent_us: int) -> Fate:
        """Return the fate of what is sent at ``sent_us`` by a node without cuts of its own."""
        at_server_us = sent_us + self._latency_us
        cuts = self._orders.cuts
        if _within(cuts[Way.UP], sent_us):
            return Fate.LOST
        down, deaf = _within(self._downs, at_server_us), _within(cuts[Way.DOWN], at_server_us)
        return Fate.of(down=down, deaf=deaf)

    def _steps(self, nodes: Ints, start_us: int, end_us: int) -> Iterator[tuple[Ints, int | Ints, Fate]]:
        """Yield (nodes, until when, fate) for each stretch of one fate, in order of time for each node."""
        down = _within(self._downs, start_us + self._latency_us)
        yield from self._own.steps(nodes, start_us, end_us, self._fate(start_us), down=down)

    def _poll(self, nodes: Ints, until_us: int | Ints, fate: Fate) -> None:
        """Let ``nodes`` send the polls that are due before ``until_us``."""
        due_us = self._due_us[nodes]
        ready = due_us < until_us
        if not ready.all():
            nodes, due_us = nodes[ready], due_us[ready]
            until_us = until_us if isinstance(until_us, int) else until_us[ready]
        if not len(nodes):
            return
        polls = (until_us - 1 - due_us) // PERIOD_US + 1
        found = self._status[nodes]
        if fate is Fate.GRANTED:
            self._legs.add(nodes, due_us, polls, found, fate)
            last_us = due_us + (polls - 1) * PERIOD_US
            self._known_us[nodes] = last_us + self._known_after_us[fate]
            self._contact_us[nodes] = last_us
            self._arrived_us[nodes] = last_us + self._latency_us
            self._due_us[nodes] = last_us + PERIOD_US
            self._status[nodes] = Status.REGISTERED
            return
        most = (self._contact_us[nodes] + LEASE_US - due_us) // PERIOD_US + 1
        lapses = polls >= most
        polls = np.minimum(polls, most)
        last_us = due_us + (polls - 1) * PERIOD_US
        self._legs.add(nodes, due_us, polls, found, fate, lapses)
        if fate is Fate.DEAF:
            self._arrived_us[nodes] = last_us + self._latency_us
        self._known_us[nodes] = last_us + self._known_after_us[fate]
        self._due_us[nodes] = np.where(lapses, FOREVER, last_us + PERIOD_US)
        self._status[nodes] = np.where(lapses, np.int8(Status.LAPSED), np.int8(Status.INTERRUPTED))
        self._lapsed_us[nodes[lapses]] = last_us[lapses] + self._known_after_us[fate]

    def _register(self, nodes: Ints, until_us: int | Ints, fate: Fate, granted: Column | None) -> None:
        """Let those of ``nodes`` register who are to do so before ``until_us``."""
        nodes = nodes[self._register_us[nodes] < until_us]
        sent_us = self._register_us[nodes]
        self._register_us[nodes] = FOREVER
        if granted is not None and fate in _ARRIVING:
            full = ~granted[nodes]
            refused = Fate.FULL if fate is Fate.GRANTED else Fate.FULL_DEAF
            self._legs.register(nodes[full], sent_us[full], self._status[nodes[full]], refused)
            nodes, sent_us = nodes[~full], sent_us[~full]
        self._legs.register(nodes, sent_us, self._status[nodes], fate)
        if fate in _ARRIVING:
            arrived_us = sent_us + self._latency_us
            had_us = self._arrived_us[nodes]
            anew = (had_us == NEVER) | (arrived_us > had_us + LEASE_US)
            lost = anew & (had_us != NEVER)
            self._legs.void(nodes[lost], had_us[lost] + LEASE_US + 1)
            self._legs.take(nodes[anew], arrived_us[anew])
            self._arrived_us[nodes] = arrived_us
        if fate is Fate.GRANTED:
            self._contact_us[nodes] = sent_us
            self._known_us[nodes] = sent_us + self._known_after_us[fate]
            self._due_us[nodes] = sent_us + PERIOD_US
            self._status[nodes] = Status.REGISTERED

    # Slots, when there are not enough.

    def _decide(self, asking: Ints, start_us: int) -> Column:
        """Return, by node, whether its register would find a slot, in the order in which they arrive.

        All of them are sent between the edge at ``start_us`` and the next one.
        """
        granted = np.zeros(len(self._status), bool)
        if self._fate(start_us) not in _ARRIVING:
            return granted
        asking = asking[~self._own.lost(asking, self._register_us[asking])]
        sent_us = self._register_us[asking]
        order = np.lexsort((asking, sent_us))
        held = np.flatnonzero(self._arrived_us != NEVER)
        void_us = self._arrived_us[held] + LEASE_US + 1
        by_void = np.argsort(void_us, kind="stable")
        voids = list(zip(void_us[by_void].tolist(), held[by_void].tolist(), strict=True))
        live, gone = len(voids), 0
        refreshed: set[int] = set()
        for node, at_us in zip(asking[order].tolist(), (sent_us[order] + self._latency_us).tolist(), strict=True):
            while gone < len(voids) and voids[gone][0] <= at_us:
                live -= voids[gone][1] not in refreshed
                gone += 1
            own_us = int(self._arrived_us[node])
            if own_us != NEVER and at_us <= own_us + LEASE_US:
                refreshed.add(node)
                granted[node] = True
            elif live < self._capacity:
                live += 1
                granted[node] = True
        return granted


class _OwnCuts:
    """The cuts of single nodes, as rows of a matrix: who has them, and when."""

    def __init__(self, orders: Orders, latency_us: int) -> None:
        self._latency_us = latency_us
        cuts = orders.own_cuts
        owners = sorted(set(cuts[Way.UP]) | set(cuts[Way.DOWN]))
        self._row = np.full(len(orders.register_us), NEVER)
        self._row[owners] = np.arange(len(owners))
        #: Whether there are any.
        self.any = bool(owners)
        # Both in terms of the instant at which the request is sent.
        self._up = _matrix([cuts[Way.UP].get(node, ()) for node in owners], 0)
        self._down = _matrix([cuts[Way.DOWN].get(node, ()) for node in owners], latency_us)
        width = 2 * (self._up.shape[1] + self._down.shape[1])
        self._breaks = np.sort(np.concatenate([self._up, self._down], axis=1).reshape(len(owners), width), axis=1)

    def steps(
        self, nodes: Ints, start_us: int, end_us: int, fate: Fate, *, down: bool
    ) -> Iterator[tuple[Ints, int | Ints, Fate]]:
        """Yield (nodes, until when, fate) from ``start_us`` on, where all others have ``fate``.

        :param down: whether the server's program does not run when it arrives.
        """
        rows = self._row[nodes]
        own = rows >= 0
        if not own.any():
            yield nodes, end_us, fate
            return
        yield nodes[~own], end_us, fate
        nodes, rows = nodes[own], rows[own]
        now_us = np.full(len(nodes), start_us)
        while len(nodes):
            breaks = self._breaks[rows]
            later = np.where(breaks > now_us[:, None], breaks, FOREVER)
            until_us = np.minimum(later.min(axis=1, initial=FOREVER), end_us)
            lost = _in_any(self._up[rows], now_us) | (fate is Fate.LOST)
            deaf = _in_any(self._down[rows], now_us) | fate.deaf
            for one in Fate.LOST, Fate.of(down=down, deaf=False), Fate.of(down=down, deaf=True):
                those = lost if one is Fate.LOST else ~lost & (deaf == one.deaf)
                yield nodes[those], until_us[those], one
            on = until_us < end_us
            nodes, rows, now_us = nodes[on], rows[on], until_us[on]

    def cut(self, sent_us: int) -> Column:
        """Tell of each node whether a cut of its own loses a request that is sent at ``sent_us``, or the answer."""
        cut = self._row >= 0
        rows = self._row[cut]
        now_us = np.full(len(rows), sent_us)
        cut[cut] = _in_any(self._up[rows], now_us) | _in_any(self._down[rows], now_us)
        return cut

    def lost(self, nodes: Ints, sent_us: Ints) -> Column:
        """Tell whose request, sent at ``sent_us``, is lost to a cut of its own."""
        rows = self._row[nodes]
        lost = rows >= 0
        lost[lost] = _in_any(self._up[rows[lost]], sent_us[lost])
        return lost


def _matrix(stretches: Sequence[Sequence[Stretch]], late_us: int) -> Ints:
    """Return the starts and ends of each row's stretches, ``late_us`` before their time; what is left over is never."""
    width = max(map(len, stretches), default=0)
    matrix = np.full((len(stretches), width, 2), FOREVER)
    for row, each in enumerate(stretches):
        for place, (start_us, end_us) in enumerate(each):
            matrix[row, place] = start_us - late_us, end_us - late_us
    return matrix


def _in_any(stretches: Ints, at_us: Ints) -> Column:
    """Tell of each row whether an instant is within one of its stretches."""
    now_us = at_us[:, None]
    return np.asarray(np.any((stretches[:, :, 0] <= now_us) & (now_us < stretches[:, :, 1]), axis=1))


def _within(stretches: Sequence[Stretch], at_us: int) -> bool:
    """Tell whether ``at_us`` is within one of the stretches."""
    return any(start_us <= at_us < end_us for start_us, end_us in stretches)
