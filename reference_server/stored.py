"""What an authority has to find again after its program ended, however it ended, as plain values.

A store keeps these rows and nothing else: the slots, the latest requests of each installation with their answers (so
that a copy of one gets the same answer over a crash, too), and the latest date. `Authority.slot_row` and
`Authority.answer_rows` give what has to be kept of one installation, and `Authority.restore` takes all of it back.
"""

from __future__ import annotations

from typing import NamedTuple

from reference_server.protocol import Answer, Request

__all__ = ["AnswerRow", "SlotRow", "Stored"]


class SlotRow(NamedTuple):
    """One lease. ``stored_us`` is the wall clock at the arrival of its last accepted request, ``excused_us`` the
    downtime since then that a reading does not count.
    """

    installation: str
    address: int
    cluster: str | None
    stored_us: int
    excused_us: int


class AnswerRow(NamedTuple):
    """A request that was answered, with the address that it came from."""

    request: Request
    source: int
    answer: Answer


class Stored(NamedTuple):
    """Everything. ``date_us`` is the latest date; the answers of an installation go from the newest to the oldest."""

    date_us: int
    slots: tuple[SlotRow, ...]
    answers: tuple[AnswerRow, ...]
