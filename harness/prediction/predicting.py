"""The prediction, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.durations import format_duration
from harness.prediction.conditions import Unpredictable, failing
from harness.prediction.contest import Contest
from harness.prediction.recording import Changes, Counts, Lapses, Places, Record, SlotChanges, Slots, Transitions
from harness.prediction.setting import Ints, Setting, setting_of
from harness.prediction.walk import FirstSlots, Totals, Walk
from harness.scenario import Scenario, Verb
from reference_server.readings import Reading

__all__ = ["Prediction", "predict", "why_not"]

#: So many nodes walk together: what is known of them stays in the processor's cache.
_TOGETHER = 1 << 16


def why_not(scenario: Scenario, reading: Reading) -> str | None:
    """Return the precondition that fails, so that `predict` cannot express ``scenario``; ``None`` if all hold."""
    reason = next(failing(scenario, reading), None)
    if reason is not None or all(event.verb is not Verb.NODE_REGISTER for event in scenario.events):
        return reason
    # Whether an event comes to a registered node, only the prediction tells.
    try:
        predict(scenario, reading)
    except Unpredictable as found:
        return str(found)
    return None


def predict(scenario: Scenario, reading: Reading) -> Prediction:
    """Return what becomes of the nodes of ``scenario``, without simulating it.

    :param scenario: has to be free of `harness.faults.timeline_problems`, as every loaded one is.
    :raises Unpredictable: if a precondition fails; the text says which.
    """
    reason = next(failing(scenario, reading), None)
    if reason is not None:
        raise Unpredictable(reason)
    return Prediction(setting_of(scenario))


class Prediction:
    """What becomes of the nodes of a scenario. A node is its place in ``Scenario.nodes``.

    The numbers of each node are there at once, and anything else is computed when it is asked for first.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.duration_us = setting.duration_us
        self._totals, self._first_slots = self._walk(self.duration_us, Record())

    @property
    def requests(self) -> Ints:
        """How many requests each node sends up to the end, included."""
        return self._totals.requests

    @property
    def failures(self) -> Ints:
        """How many rows the failure list of each node gets."""
        return self._totals.failures

    @property
    def granted(self) -> Ints:
        """How many requests of each node the server grants, whether the node hears of it or not."""
        return self._totals.granted

    @property
    def lapse_counts(self) -> Ints:
        """How often each node lapses."""
        return self._totals.lapses

    @property
    def lost_access_us(self) -> Ints:
        """How long, in us, each node's access is closed from its first registration up to the end.

        The first registration is the instant at which the node knows of its first grant. Access is open while it is
        registered or interrupted (R007), so what is lost is the time between a lapse and the next registration, or the
        end. A node that is never registered loses nothing.
        """
        return self._totals.lost_us

    def status_at(self, true_us: int) -> NDArray[np.int8]:
        """Return the status of each node (`harness.trace.Status`) after everything at ``true_us``.

        :raises ValueError: if that is before the start or after the end.
        """
        if not 0 <= true_us <= self.duration_us:
            raise ValueError(f"there is a status from 0s to {format_duration(self.duration_us)}, not at {true_us} us")
        # Nothing later has any influence, so this is how a shorter run ends.
        totals = self._totals if true_us == self.duration_us else self._walk(true_us, Record())[0]
        return totals.status

    @cached_property
    def transitions(self) -> Transitions:
        """Every change of status."""
        self._walk(self.duration_us, record := Changes())
        return record.result()

    @cached_property
    def slots(self) -> Slots:
        """Every change of a slot."""
        self._walk(self.duration_us, record := SlotChanges())
        return record.result()

    @cached_property
    def lapses(self) -> tuple[Ints, Places]:
        """The instants and the nodes of all lapses, in order of node, then time."""
        self._walk(self.duration_us, record := Lapses())
        return record.result()

    @cached_property
    def peak_registered(self) -> tuple[int, int]:
        """The greatest number of slots that are live after an instant, and the first such instant (0, 0 if none is)."""
        first = self._first_slots
        if first.last_us < first.void_us:
            # Before any slot is void everybody has one who ever takes one, and there cannot be more.
            return first.takers, first.last_us
        self._walk(self.duration_us, record := Counts())
        return record.peak()

    def _walk(self, until_us: int, record: Record) -> tuple[Totals, FirstSlots]:
        setting = self._setting
        decide = Contest(setting) if setting.contested else None
        count = len(setting.nodes)
        totals = Totals(np.zeros(count, np.int8), *np.zeros((len(Totals._fields) - 1, count), np.int64))
        first_slots = FirstSlots()
        for together in self._parts():
            for nodes in together:
                walk = Walk(setting, nodes, until_us, record)
                part = walk.run(decide)
                first_slots = first_slots.and_of(walk.first_slots)
                totals.status[nodes] = part.status
                for whole, piece in zip(totals[1:], part[1:], strict=True):
                    whole[nodes] = piece
            record.part_done()
        return totals, first_slots

    def _parts(self) -> Iterator[list[Ints]]:
        """Yield the nodes in parts of neighbours, each split into those with the usual timeline and the others."""
        count, path = len(self._setting.nodes), self._setting.path
        if self._setting.contested:
            # Everybody's fate depends on everybody's.
            yield [np.arange(count)]
            return
        usual = np.bincount(path).argmax() if count else 0
        for first in range(0, count, _TOGETHER):
            nodes = np.arange(first, min(first + _TOGETHER, count))
            is_usual = path[nodes] == usual
            yield [each for each in (nodes[is_usual], nodes[~is_usual]) if len(each)]
