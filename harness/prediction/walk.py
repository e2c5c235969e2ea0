"""The walk: nodes go through the stretches of their timelines together, in whole arrays.

What is known of a node between two stretches is little: `Walk.next_us` is its next poll, `Walk.contact_us` its last
contact, `Walk.kept_us` the last request that the server granted without a contact coming of it. A node that does not
poll has its next poll `FOREVER` away, so no stretch concerns it. It is interrupted exactly if its last contact is not
its last poll.

Amounts are sums of instants: a life's polls are the difference between its end and its begin, in periods.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.durations import format_instant
from harness.prediction.conditions import LEASE_US, PERIOD_US, Unpredictable, place_of
from harness.prediction.recording import Record
from harness.prediction.setting import FOREVER, NEVER, Ask, Bools, Ints, Setting
from harness.prediction.timelines import Fare, Fares, Timelines, windows_of
from harness.trace import SlotChange, Status

__all__ = ["Decide", "FirstSlots", "Registers", "Totals", "Walk"]

_KNOWN = (Fare.HEARD, Fare.UNHEARD, Fare.REFUSED, Fare.SILENT)
#: By fare: whether it is known before the end, and whether the server grants.
_IS_KNOWN = np.array([fare in _KNOWN for fare in Fare])
_IS_GRANTED = np.array([fare in (Fare.HEARD, Fare.UNHEARD, Fare.OPEN_GRANTED) for fare in Fare])

#: Some of the walking nodes. All of them are a slice, which is a view and costs nothing.
_Some: TypeAlias = "Ints | slice"
_ALL = slice(None)


class Registers(NamedTuple):
    """Registers that are sent: by which of the walking nodes, when, and how they fare.

    ``free`` are those that the server grants if only there is a slot.
    """

    nodes: Ints
    sent_us: Ints
    fare: NDArray[np.int8]
    free: Bools


#: Decides which of the registers of a window are granted.
Decide: TypeAlias = "Callable[[Walk, int, Registers], Bools]"


class Totals(NamedTuple):
    """What a walk comes to, for each of its nodes."""

    status: NDArray[np.int8]
    requests: Ints
    failures: Ints
    granted: Ints
    lapses: Ints
    lost_us: Ints


class FirstSlots(NamedTuple):
    """How many nodes ever take a slot, when the last of them does so first, and when a slot is void first."""

    takers: int = 0
    last_us: int = 0
    void_us: int = FOREVER

    def and_of(self, other: FirstSlots) -> FirstSlots:
        """Return the same of these nodes and others."""
        return FirstSlots(
            self.takers + other.takers, max(self.last_us, other.last_us), min(self.void_us, other.void_us)
        )


class Walk:
    """The nodes ``nodes`` (their places, ascending) on their way from 0 to ``until_us``, both included."""

    def __init__(self, setting: Setting, nodes: Ints, until_us: int, record: Record) -> None:
        self._setting = setting
        self._until_us = until_us
        self._record = record
        self._timelines = Timelines(setting, setting.path[nodes], until_us)
        self._fares = Fares(setting.latency_us, setting.timeout_us)
        self.nodes = nodes
        self._everybody: Ints = np.arange(len(nodes))
        self._windows = windows_of(setting, until_us)
        register_us = setting.register_us[nodes]
        #: Nodes in the order of the window in which they are registered by themselves, and where each window begins.
        window = np.searchsorted(np.array(self._windows), register_us, side="right") - 1
        window[register_us > until_us] = len(self._windows)
        self._own = np.argsort(window, kind="stable")
        self._own_first = np.searchsorted(window[self._own], np.arange(len(self._windows) + 1))

        def fresh(value: int) -> Ints:
            return np.full(len(nodes), value, np.int64)

        self.status = np.zeros(len(nodes), np.int8)
        self.next_us, self.contact_us, self.kept_us = fresh(FOREVER), fresh(FOREVER), fresh(NEVER)
        #: Where in the period its polls fall.
        self._phase_us = fresh(0)
        #: Up to where all polls are heard that are still to be gone through.
        self._heard_to_us: int | None = None
        self._lapsed_us = fresh(FOREVER)
        #: Until when a register of a node is outstanding, the latest of these instants, and what the node was before.
        self._waits_us, self._anybody_waits_us = fresh(NEVER), NEVER
        self._was = np.zeros(len(nodes), np.int8)
        #: Whether its last poll is open when the run ends.
        self._open = np.zeros(len(nodes), np.bool_)
        #: Registers: heard, known to have failed, neither before the end, granted without being heard.
        self._heard, self._failed, self._pending, self._unheard = fresh(0), fresh(0), fresh(0), fresh(0)
        #: Polls, each as one period: all, those that failed, those of them that were granted, and those that are
        #: neither known nor granted before the end.
        self._polled_us, self._missed_us, self._kept_polls_us, self._lost_polls_us = (fresh(0) for _ in range(4))
        self._lost_us = fresh(0)
        self.first_slots = FirstSlots()

    def run(self, decide: Decide | None = None) -> Totals:
        """Go all the way.

        :param decide: decides whom the server grants a slot, ``None`` if there are enough.
        :raises Unpredictable: if a register comes to a node that is registered, or that waits for another's answer.
        """
        for window in range(len(self._windows)):
            registers = self._sent_in(window)
            if len(registers.nodes):
                self.register(registers, registers.free if decide is None else decide(self, window, registers))
            self.pass_through(window)
            if decide is not None:
                self.catch_up()
        self.catch_up()
        return self._finish()

    def trial(self) -> Walk:
        """Return a copy that nobody listens to."""
        other = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(other, name, value.copy())
        other._record = Record()
        return other

    def void_us(self) -> Ints:
        """Return when the slot of each node is void, if nothing more is granted; far in the past if it has none."""
        last_us = np.where(self.status == Status.REGISTERED, np.maximum(self.contact_us, self.kept_us), self.kept_us)
        return self._void_after(last_us)

    def _void_after(self, granted_us: Ints) -> Ints:
        """Return when slots are void for which the last granted request was sent at ``granted_us``."""
        void_us: Ints = granted_us + (self._setting.latency_us + LEASE_US + 1)
        return void_us

    # Registers.

    def _sent_in(self, window: int) -> Registers:
        own = self._own[self._own_first[window] : self._own_first[window + 1]]
        sent = []
        if len(own):
            sent_us = self._setting.register_us[self.nodes[own]]
            sent.append((own, sent_us, self._timelines.at(own, sent_us)))
            self._send(*sent[-1])
        for ask in self._setting.asks:
            if ask.at_us == self._windows[window] and len(nodes := self._asked(ask)):
                sent_us = np.full(len(nodes), ask.at_us)
                sent.append((nodes, sent_us, self._timelines.at_instant(nodes, ask.at_us)))
                self._send(*sent[-1])
        if len(sent) == 1:
            ((nodes, sent_us, fare),) = sent
        else:
            empty = np.zeros(0, np.int64)
            nodes, sent_us, fare = (
                np.concatenate(each) for each in zip((empty, empty, empty.astype(np.int8)), *sent, strict=True)
            )
        return Registers(nodes, sent_us, fare, _IS_GRANTED[fare] & self._setting.welcome[self.nodes[nodes]])

    def _send(self, nodes: Ints, sent_us: Ints, fare: NDArray[np.int8]) -> None:
        """Let ``nodes`` wait for the answer to a register."""
        known_after_us = np.array([self._fares.known_after_us(each) for each in Fare], np.int64)
        some = self._some(nodes)
        self._was[some] = self.status[some]
        self._waits_us[some] = waits_us = sent_us + known_after_us[fare]
        self._anybody_waits_us = max(self._anybody_waits_us, int(waits_us.max()))

    def _some(self, nodes: Ints) -> _Some:
        return _ALL if nodes is self._everybody else nodes

    def _asked(self, ask: Ask) -> Ints:
        """Return which nodes an event lets be registered."""
        at_us = ask.at_us
        nodes = self._everybody
        if ask.nodes is not None:
            nodes = np.flatnonzero(np.isin(self.nodes, ask.nodes, assume_unique=True))
        # What happens at an instant comes before what is learnt at it.
        if ask.only == "lapsed" and self._anybody_waits_us < at_us:
            nodes = self._those(nodes, self.status[self._some(nodes)] == Status.LAPSED)
            return self._those(nodes, self._lapsed_us[self._some(nodes)] < at_us)
        some = self._some(nodes)
        waits = self._waits_us[some] >= at_us
        status = np.where(waits, self._was[some], self.status[some])
        status[(status == Status.LAPSED) & ~waits & (self._lapsed_us[some] >= at_us)] = Status.INTERRUPTED
        meant = np.ones(len(nodes), np.bool_) if ask.only is None else status == Status[ask.only.upper()]
        holds = (status == Status.REGISTERED) | (status == Status.INTERRUPTED)
        for unfit, what in ((waits, "waits for the answer to a register"), (holds, "is registered")):
            if (meant & unfit).any():
                name = self._setting.nodes[self.nodes[nodes[meant & unfit][0]]].name
                raise Unpredictable(
                    f"{ask.event.verb.value} ({place_of(ask.event)}) comes to {name} at {format_instant(at_us)} "
                    f"while it {what}"
                )
        return self._those(nodes, meant)

    def _those(self, nodes: Ints, wanted: Bools) -> Ints:
        """Return those of ``nodes`` that are wanted; if that is everybody, it stays everybody."""
        those: Ints = nodes if wanted.all() else nodes[wanted]
        return those

    def register(self, registers: Registers, granted: Bools) -> None:
        """Let registers be answered, ``granted`` telling which of them with a grant."""
        nodes, sent_us, fare, _ = registers
        self._take(self._those(nodes, granted), sent_us if granted.all() else sent_us[granted])
        heard = granted & (fare == Fare.HEARD)
        if not heard.all():
            known = _IS_KNOWN[fare]
            self._failed[nodes[~heard & known]] += 1
            self._pending[nodes[~known]] += 1
            self._unheard[nodes[granted & ~heard]] += 1
            sent_us = sent_us[heard]
        new = self._those(nodes, heard)
        some = self._some(new)
        known_us = sent_us + self._fares.heard_us
        self._record.changed(known_us, self.nodes[new], self.status[new], Status.REGISTERED)
        self._lost_us[some] += np.where(self.status[some] == Status.LAPSED, known_us, 0)
        self._heard[some] += 1
        self.status[some] = Status.REGISTERED
        self.contact_us[some] = sent_us
        self.next_us[some] = next_us = sent_us + PERIOD_US
        self._phase_us[some] = sent_us % PERIOD_US
        self._polled_us[some] -= next_us

    def _take(self, nodes: Ints, sent_us: Ints) -> None:
        """Let the server grant registers of ``nodes``, none of which holds a registration."""
        some = self._some(nodes)
        got_us = sent_us + self._setting.latency_us
        kept_us = self.kept_us[some]
        had = kept_us > NEVER
        void_us = self._void_after(kept_us)
        gone = had & (void_us <= got_us)
        self._void(void_us, nodes, gone)
        if not had.all():
            self.first_slots = self.first_slots.and_of(FirstSlots(int((~had).sum()), int(got_us[~had].max())))
        if self._record.slots:
            taken = gone | ~had
            self._record.slot(got_us[taken], self.nodes[nodes[taken]], SlotChange.TAKEN)
        self.kept_us[some] = sent_us

    def _void(self, void_us: Ints, nodes: Ints, gone: Bools) -> None:
        """The slots of those of ``nodes`` that are ``gone`` have been void since ``void_us``."""
        first_us = int(np.min(void_us, where=gone, initial=FOREVER))
        self.first_slots = self.first_slots.and_of(FirstSlots(void_us=first_us))
        if self._record.slots:
            self._record.slot(void_us[gone], self.nodes[nodes[gone]], SlotChange.VOID)

    # Polls.

    def pass_through(self, window: int) -> None:
        """Let everybody poll up to the end of a window, but for what `catch_up` makes good."""
        for end_us, fare in self._timelines.stretches(window):
            if fare is Fare.HEARD and isinstance(end_us, int):
                # Nobody lapses meanwhile, so it may go on in the next window.
                self._heard_to_us = end_us
                continue
            self.catch_up()
            polls = self.next_us < end_us
            if not polls.any():
                continue
            if fare is Fare.HEARD:
                self._are_heard(polls, end_us)
            elif fare in _KNOWN:
                self._miss(polls, end_us, fare)
            else:
                self._leave_open(polls, end_us, fare)

    def catch_up(self) -> None:
        """Let everybody have sent the polls that are heard, and were put off."""
        end_us, self._heard_to_us = self._heard_to_us, None
        if end_us is not None and (polls := self.next_us < end_us).any():
            self._are_heard(polls, end_us)

    def _first_from(self, end_us: int | Ints) -> Ints:
        """Return the first poll of each node at or after ``end_us``, if it lapses not."""
        ahead_us = self._phase_us - end_us % PERIOD_US
        # As a number without a sign, a negative one is the greater.
        first_us = ahead_us + PERIOD_US
        np.minimum(ahead_us.view(np.uint64), first_us.view(np.uint64), out=first_us.view(np.uint64))
        first_us += end_us
        np.maximum(first_us, self.next_us, out=first_us)
        return first_us

    def _are_heard(self, polls: Bools, end_us: int | Ints) -> None:
        if self._record.polls:
            back = np.flatnonzero(polls & (self.contact_us != self.next_us - PERIOD_US))
            known_us = self.next_us[back] + self._fares.heard_us
            self._record.changed(known_us, self.nodes[back], Status.INTERRUPTED, Status.REGISTERED)
        self.next_us = self._first_from(end_us)
        # To look at the mask for each node takes longer.
        where: Bools | bool = True if polls.all() else polls
        np.subtract(self.next_us, PERIOD_US, out=self.contact_us, where=where)

    def _miss(self, polls: Bools, end_us: int | Ints, fare: Fare) -> None:
        known_after_us = self._fares.known_after_us(fare)
        if self._record.polls:
            first = np.flatnonzero(polls & (self.contact_us == self.next_us - PERIOD_US))
            known_us = self.next_us[first] + known_after_us
            self._record.changed(known_us, self.nodes[first], Status.REGISTERED, Status.INTERRUPTED)
        before_us, self.next_us = self.next_us, self._first_from(end_us)
        # No poll is sent after the deadline.
        over_us = self.contact_us + (LEASE_US + PERIOD_US)
        lapse = self.next_us >= over_us
        lapse &= polls
        np.copyto(self.next_us, over_us, where=lapse)
        missed_us = np.subtract(self.next_us, before_us, out=before_us)
        self._missed_us += missed_us
        if fare is Fare.UNHEARD:
            self._kept_polls_us += missed_us
            np.subtract(self.next_us, PERIOD_US, out=self.kept_us, where=polls)
        if lapse.any():
            self._lapse(self._those(self._everybody, lapse), known_after_us)

    def _leave_open(self, polls: Bools, end_us: int | Ints, fare: Fare) -> None:
        after_us = self._first_from(end_us)
        if fare is Fare.OPEN_GRANTED:
            np.subtract(after_us, PERIOD_US, out=self.kept_us, where=polls)
        else:
            self._lost_polls_us += after_us - self.next_us
        self._open |= polls
        self.next_us = after_us

    def _lapse(self, nodes: Ints, known_after_us: int) -> None:
        """Let the last poll of ``nodes`` have failed, which they know so much after its sending."""
        some = self._some(nodes)
        next_us = self.next_us[some]
        at_us = next_us + (known_after_us - PERIOD_US)
        self._record.changed(at_us, self.nodes[some], Status.INTERRUPTED, Status.LAPSED)
        self._polled_us[some] += next_us
        self._lost_us[some] -= at_us
        self._lapsed_us[some] = at_us
        self.kept_us[some] = np.maximum(self.kept_us[some], self.contact_us[some])
        self.status[some] = Status.LAPSED
        self.next_us[some] = FOREVER
        self.contact_us[some] = FOREVER

    # The end.

    def _finish(self) -> Totals:
        holds = self.status == Status.REGISTERED
        lapsed = self.status == Status.LAPSED
        void_us = self.void_us()
        self._void(void_us, self._everybody, (self.kept_us > NEVER) & (void_us <= self._until_us))
        known_us = self.next_us - PERIOD_US * (1 + self._open.astype(np.int64))
        status = np.where(holds & (self.contact_us != known_us), np.int8(Status.INTERRUPTED), self.status)
        polls = (self._polled_us + np.where(holds, self.next_us, 0)) // PERIOD_US
        missed = self._missed_us // PERIOD_US
        not_granted = missed + (self._lost_polls_us - self._kept_polls_us) // PERIOD_US
        return Totals(
            status=status,
            requests=self._heard + self._failed + self._pending + polls,
            failures=self._failed + missed,
            granted=self._heard + self._unheard + polls - not_granted,
            # Each life but one that lasts ends in a lapse.
            lapses=self._heard - holds,
            lost_us=self._lost_us + np.where(lapsed, self._until_us, 0),
        )
