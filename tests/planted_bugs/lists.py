"""Nodes whose failure list is wrong: rows that are missing or too many, dates, reasons, and which one is shown."""

from __future__ import annotations

from fake_fdl_nodes.failures import FailureRow
from fake_fdl_nodes.node import Effect, Failed, Node, Status
from harness.proof import Bugs
from reference_server.protocol import Answer, Code, Instant, Kind

BUGS = Bugs()
_HOUR_US = 3_600_000_000


# Rows that are missing, or too many.


class Omits(Node):
    """Does not list the failures that ``_omitted`` names. ``number`` is the failed request, 0 if none."""

    def _omitted(self, code: Code, number: int) -> bool:
        return True

    def _list(self, code: Code, number: int, now: Instant) -> list[Effect]:
        return [] if self._omitted(code, number) else super()._list(code, number, now)


@BUGS.breaking("R036")
class Silent(Omits):
    """Lists no failure."""


@BUGS.breaking("R036")
class NoRowForALapse(Omits):
    """Does not list a lapse at which no attempt ends."""

    def _omitted(self, code: Code, number: int) -> bool:
        return code is Code.NO_CONNECTION and not number


@BUGS.breaking("R036")
class NoRowForTheExpiry(Omits):
    """Does not list that its licence has ended."""

    def _omitted(self, code: Code, number: int) -> bool:
        return code is Code.LICENSE_EXPIRED and not number


@BUGS.breaking("R036")
class FirstFailureOnly(Omits):
    """Lists the first of several failures only, until it is granted again."""

    def _omitted(self, code: Code, number: int) -> bool:
        return self.failures.saved().since_success


@BUGS.breaking("R036")
class SameReasonOnce(Omits):
    """Lists a reason once, however often it comes."""

    def _omitted(self, code: Code, number: int) -> bool:
        return code in [row.code for row in self.failures.rows]


@BUGS.breaking("R036")
class UnbindsAreNotListed(Node):
    """Does not list an unbind that fails."""

    _unbinding = False

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        self._unbinding = self.outstanding is not None and self.outstanding.kind is Kind.UNBIND
        return super()._fail(code, now)

    def _list(self, code: Code, number: int, now: Instant) -> list[Effect]:
        return [] if self._unbinding and number else super()._list(code, number, now)


@BUGS.breaking("R036")
class ListsTwice(Node):
    """Lists each failure twice."""

    def _list(self, code: Code, number: int, now: Instant) -> list[Effect]:
        return super()._list(code, number, now) + super()._list(code, number, now)


# Rows that are lost.


class Keeps(Node):
    """Keeps the rows that ``_kept`` returns when a row was added."""

    def _kept(self, rows: list[FailureRow]) -> list[FailureRow]:
        return rows

    def _list(self, code: Code, number: int, now: Instant) -> list[Effect]:
        effects = super()._list(code, number, now)
        self.failures.rows = self._kept(self.failures.rows)
        return effects


@BUGS.breaking("R037")
class KeepsTen(Keeps):
    """Keeps the latest ten rows."""

    def _kept(self, rows: list[FailureRow]) -> list[FailureRow]:
        return rows[-10:]


@BUGS.breaking("R037")
class KeepsADay(Keeps):
    """Keeps the rows of the last 24 h."""

    def _kept(self, rows: list[FailureRow]) -> list[FailureRow]:
        return [row for row in rows if row.wall_us > rows[-1].wall_us - 24 * _HOUR_US]


@BUGS.breaking("R037")
class NewestFirst(Keeps):
    """Keeps the newest row first, in a list that has the oldest first."""

    def _kept(self, rows: list[FailureRow]) -> list[FailureRow]:
        return [rows[-1], *rows[:-1]]


@BUGS.breaking("R037")
class Forgetful(Node):
    """Clears its list when it is registered again."""

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        effects = super().answer(answer, now)
        if self.status is Status.REGISTERED:
            self.failures.rows.clear()
        return effects


@BUGS.breaking("R037")
class ClearsWhenUnbound(Node):
    """Clears its list when it is unbound."""

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        effects = super().answer(answer, now)
        if effects and self.status is Status.UNREGISTERED:
            self.failures.rows.clear()
        return effects


@BUGS.breaking("R037")
class LosesTheListAtStart(Node):
    """Begins with an empty list when its program is started again."""

    def start(self, now: Instant) -> list[Effect]:
        self.failures.rows.clear()
        return super().start(now)


# Dates.


class Dates(Node):
    """Dates a row by what ``_date`` makes of the clocks."""

    def _date(self, now: Instant) -> int:
        return now.wall_us

    def _list(self, code: Code, number: int, now: Instant) -> list[Effect]:
        return super()._list(code, number, now._replace(wall_us=self._date(now)))


@BUGS.breaking("R036")
class DatesInSeconds(Dates):
    """Dates its rows in whole seconds."""

    def _date(self, now: Instant) -> int:
        return now.wall_us // 1_000_000 * 1_000_000


@BUGS.breaking("R036")
class DatesInLocalTime(Dates):
    """Adds the offset of its zone to a date that is in UTC already."""

    def _date(self, now: Instant) -> int:
        return now.wall_us + 8 * _HOUR_US


@BUGS.breaking("R036")
class DatesByBootTime(Dates):
    """Dates its failures by what has passed since it started, whatever became of the wall clock since."""

    _started: Instant | None = None

    def start(self, now: Instant) -> list[Effect]:
        self._started = now
        return super().start(now)

    def _date(self, now: Instant) -> int:
        assert self._started is not None, "a node that fails has started"
        return self._started.wall_us + now.boot_us - self._started.boot_us


@BUGS.breaking("R036")
class DatesByTheSending(Node):
    """Dates a failure when the request was sent, in place of when it failed."""

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        sent_us = now.boot_us if self.outstanding is None else self.outstanding.sent_us
        return super()._fail(code, now._replace(wall_us=now.wall_us - (now.boot_us - sent_us)))


# Reasons.


class Relabels(Node):
    """Lists every failure under the code ``instead_of`` maps it to."""

    instead_of: dict[Code, Code] = {}

    def _list(self, code: Code, number: int, now: Instant) -> list[Effect]:
        return super()._list(self.instead_of.get(code, code), number, now)


@BUGS.breaking("R119")
class SilenceIsAVerdict(Relabels):
    """Lists an unanswered request as an incorrect licence."""

    instead_of = {Code.NO_CONNECTION: Code.INCORRECT_LICENSE_FORMAT}


@BUGS.breaking("R119")
class ARefusedConnectionIsAVerdict(Node):
    """Lists a refused connection as an incorrect licence."""

    def connection_refused(self, number: int, now: Instant) -> list[Effect]:
        self._refused = True
        effects = super().connection_refused(number, now)
        self._refused = False
        return effects

    _refused = False

    def _list(self, code: Code, number: int, now: Instant) -> list[Effect]:
        return super()._list(Code.INCORRECT_LICENSE_FORMAT if self._refused else code, number, now)


@BUGS.breaking("R095")
class ACertificateIsAVerdict(ARefusedConnectionIsAVerdict):
    """Lists a certificate that it does not trust as an incorrect licence."""


@BUGS.breaking("R107")
class NamesTheUnlisted(Relabels):
    """Gives a reason that the table does not list a code of the table."""

    instead_of = {Code.INCORRECT_LICENSE_FORMAT: Code.PARAM_INPUT_ERROR}


@BUGS.breaking("R107")
class TheUnlistedIsSilence(Relabels):
    """Shows "/" where "Incorrect License Format" is due."""

    instead_of = {Code.INCORRECT_LICENSE_FORMAT: Code.NO_CONNECTION}


@BUGS.breaking("R105")
class OneReasonForAll(Relabels):
    """Shows the address as the reason, whatever the reason is."""

    instead_of = {code: Code.LICENSE_IP_ERROR for code in Code if code > 0}


@BUGS.breaking("R105")
class MembersListNothing(Omits):
    """Leaves it to the rest of its cluster to list why it was refused."""

    def _omitted(self, code: Code, number: int) -> bool:
        return self._setup.cluster is not None and code is not Code.NO_CONNECTION


@BUGS.breaking("R108")
class ShowsTheFirst(Node):
    """Goes on showing the first failure when there is a newer one."""

    def _list(self, code: Code, number: int, now: Instant) -> list[Effect]:
        effects = super()._list(code, number, now)
        first = self.failures.rows[0].code
        return [each._replace(shown=first) if isinstance(each, Failed) else each for each in effects]


@BUGS.breaking("R108")
class ShowsTheLastButOne(Node):
    """Shows a failure when the next one comes."""

    def _list(self, code: Code, number: int, now: Instant) -> list[Effect]:
        before = self.failures.shown
        effects = super()._list(code, number, now)
        return [each._replace(shown=before or code) if isinstance(each, Failed) else each for each in effects]
