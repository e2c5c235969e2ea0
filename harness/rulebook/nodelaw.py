"""The rule book's own statement of the node's law: what follows from how its requests ended.

`NodeLaw` walks through what happened to one node (its requests, what ended them, what became of its program) and says
which changes of status, failure rows and polls had to follow, each from the state that the node really was in before.
So one mistake is reported once, where it was made.

The 24-hour law (R033): the node lapses at the first instant, at or after last contact + 24 h, at which no register or
poll sent at or before that deadline is outstanding. Last contact is when the last positively answered request was sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from harness.rulebook.history import DOWN, History, NodeView
from harness.rulebook.ledger import DAY_US, PERIOD_US, Ledger
from harness.rulebook.validation import validation
from harness.trace import (
    FAILED,
    NEVER,
    Beat,
    Edge,
    EdgeKind,
    Exchange,
    Outcome,
    Spoilt,
    Status,
    Verdict,
)
from reference_server.protocol import Code, Kind

__all__ = [
    "ExpectedRow",
    "ExpectedTransition",
    "NodeLaw",
    "NodeLaws",
    "PollFinding",
    "WrongTurn",
]

STRIKES = 12
HOLDING = (Status.REGISTERED, Status.INTERRUPTED, Status.REJECTED)
OPEN = (Status.REGISTERED, Status.INTERRUPTED)

# The parts of an instant, in the law's order.
_EDGE, _ASKED, _ANSWERED, _TIMEOUT, _EXPIRY, _POLL, _DEADLINE = range(7)


class ExpectedTransition(NamedTuple):
    """A change of status that had to follow."""

    at_us: int
    before: int
    after: int


class ExpectedRow(NamedTuple):
    """A failure row that had to be added; ``number`` is `NEVER` where no attempt ended.

    ``wall_us`` is its date: the node's wall clock, at the due instant of a timer that added the row.
    """

    at_us: int
    code: int
    number: int
    wall_us: int


class PollFinding(NamedTuple):
    """A poll that was missing, early, late, or sent by a node that does not poll."""

    at_us: int
    message: str


class _Moment(NamedTuple):
    """Something that happened to the node: at an instant, in a round and a part of it."""

    at_us: int
    round: int
    part: int
    what: Edge | Beat | Exchange


class Image(NamedTuple):
    """What a node's disk held at an instant, and what its host's clocks showed then."""

    status: Status
    contact_us: int | None
    expires_us: int | None
    strikes: int
    boot_us: int
    wall_us: int
    boots: int


class NodeLaw:
    """What had to follow at one node. ``images`` are its states at the instants ``wanted``, before anything happened
    at them, and ``of`` gives those of other nodes. ``transitions``, ``rows`` and ``poll_findings`` are the results.

    ``polls_tested`` counts the polls whose instant was judged, ``intervals`` the polls by how much later than 2 h after
    the register or poll before it each was sent, ``silences`` the contacts and lapses by how much later than 24 h after
    the contact before it each was.
    """

    def __init__(self, history: History, node: NodeView, wanted: Sequence[int], of: Callable[[int], NodeLaw]) -> None:
        self._history = history
        self.node = node
        self._wanted = sorted(wanted)
        self._of = of
        self.images: dict[int, Image] = {}
        #: What the disk says of the clocks, if the host was rebooted since.
        self._rebooted: tuple[int, int] | None = None
        self._boots = 0
        self._name = node.name
        self._clocks = history.clocks
        self._reading = history.reading
        #: Whether an instant lapses a node, and not a count or a last poll.
        self._timed = not history.reading.lapse_by_count and not history.reading.lapse_needs_later_miss
        self._timeout_us = history.scenario.network.timeout_us
        self.transitions: list[ExpectedTransition] = []
        self.rows: list[ExpectedRow] = []
        self.poll_findings: list[PollFinding] = []
        self.polls_tested = 0
        self.intervals: Counter[int] = Counter()
        self.silences: Counter[int] = Counter()
        self._asked_us: int | None = None
        self._status = Status.UNREGISTERED
        self._contact_us: int | None = None
        self._expires_us: int | None = None
        self._due_us: int | None = None
        self._strikes = 0
        # A copy is off until it is made.
        self._awake = node.setup.clone_of is None
        self._awake_since_us = 0
        self._outstanding: Exchange | None = None
        self._walk()

    # The walk.

    def _walk(self) -> None:
        for moment in self._moments():
            self._take_images(moment.at_us)
            self._pass_time(moment[:3])
            self._status = self._resynchronized(moment.at_us)
            what = moment.what
            if isinstance(what, Edge):
                self._edge(what)
            elif isinstance(what, Beat):
                self._beat(what)
            elif moment.part == _ANSWERED:
                self._answered(what)
            else:
                self._sent(what, moment)
        self._take_images(self._history.end_us)
        self._pass_time((self._history.end_us + 1, 0, _EDGE))

    def _take_images(self, until_us: int) -> None:
        while self._wanted and self._wanted[0] <= until_us:
            at_us = self._wanted.pop(0)
            self._pass_time((at_us, 0, _EDGE))
            boot_us = self._clocks.boot_us(self._name, at_us)
            wall_us = self._clocks.wall_us(self._name, at_us, before_steps=True)
            # What the disk of a host that is off says of its clocks is what they showed as it went down.
            read = self._rebooted or (boot_us, wall_us)
            status = self.node.status_before(at_us)
            state = self._contact_us, self._expires_us, self._strikes
            self.images[at_us] = Image(status, *state, *read, self._boots)

    def _moments(self) -> Iterator[_Moment]:
        moments = [_Moment(edge.at_us, 0, _EDGE, edge) for edge in self.node.edges]
        moments += [_Moment(beat.first_sent_us, 0, _POLL, beat) for beat in self.node.beats]
        for _, exchange in self.node.exchanges:
            part = _POLL if exchange.kind == Kind.POLL else _ASKED
            moments.append(_Moment(exchange.sent_us, 0, part, exchange))
            if exchange.delivered_us != NEVER:
                # Without latency a poll is answered at the instant of its sending, but after its other timers.
                round_ = int(part == _POLL and exchange.delivered_us == exchange.sent_us)
                moments.append(_Moment(exchange.delivered_us, round_, _ANSWERED, exchange))
        # A stable sort keeps what one instant's part holds in the order in which it happened.
        yield from sorted(moments, key=lambda moment: moment[:3])

    def _pass_time(self, until: tuple[int, int, int]) -> None:
        """Let the node's own timers do what they had to do before an (instant, round, part)."""
        until_boot_us = self._clocks.boot_us(self._name, until[0])
        while self._awake:
            # Most moments come before anything is due, and these are told apart by the cheaper clock.
            dues = [due for due in self._dues() if due[0] <= until_boot_us]
            if not dues:
                return
            at_us, which, due_us = min((self._fires(due_us), part, due_us) for due_us, part in dues)
            asked = self._outstanding
            # What was polled at this very instant can be answered in the next round of it, before its time is up.
            polled_now = asked is not None and asked.kind == Kind.POLL and asked.sent_us == at_us
            if (at_us, int(which == _TIMEOUT and polled_now), which) >= until:
                return
            self._status = self._resynchronized(at_us)
            # A timer is handled as if at its due instant. What came while the node was away, its return has dealt with.
            wall_us = self._wall(at_us, due_us)
            if which == _TIMEOUT:
                assert self._outstanding is not None
                self._ended(self._outstanding, Outcome.UNANSWERED, at_us, due_us, wall_us)
            elif which == _EXPIRY:
                self._expire(at_us, wall_us)
            elif which == _POLL:
                self.polls_tested += 1
                self.poll_findings.append(PollFinding(at_us, "a poll that was due was not sent"))
                self._due_us = None
            else:
                self._lapse(at_us, due_us, wall_us)

    def _resynchronized(self, at_us: int) -> Status:
        """Return the status in which an instant finds the node: what it really was, unless it changed just now."""
        changed_now = bool(self.transitions) and self.transitions[-1].at_us == at_us
        return self._status if changed_now else self.node.status_before(at_us)

    def _dues(self) -> Iterator[tuple[int, int]]:
        """Yield what the node waits for: (instant on its boot-time clock, part of the instant)."""
        if self._outstanding is not None:
            yield self._outstanding.sent_boot_us + self._timeout_us, _TIMEOUT
        if self._expires_us is not None and self._status in OPEN:
            yield self._expires_us, _EXPIRY
        deadline_us = self._deadline_us
        if self._due_us is not None and self._polls and (deadline_us is None or self._due_us <= deadline_us):
            yield self._due_us, _POLL
        if deadline_us is not None and not self._in_time(deadline_us):
            yield deadline_us, _DEADLINE

    def _fires(self, due_us: int) -> int:
        """Return the true instant at which a timer fires; not before the program is there to wait for it."""
        return max(self._awake_since_us, self._clocks.true_us(self._name, due_us))

    def _wall(self, at_us: int, boot_us: int | None = None, *, before_steps: bool = False) -> int:
        """Return the wall clock's date of what happens at ``at_us``, or is handled as at ``boot_us``."""
        return self._clocks.wall_us(self._name, at_us, before_steps=before_steps, boot_us=boot_us)

    # The state.

    @property
    def _polls(self) -> bool:
        return self._status in HOLDING or (self._status is Status.LAPSED and self._reading.lapsed_node_polls)

    @property
    def _deadline_us(self) -> int | None:
        if self._contact_us is None or self._status not in HOLDING or not self._timed:
            return None
        return self._contact_us + DAY_US

    def _in_time(self, deadline_us: int) -> bool:
        asked = self._outstanding
        return asked is not None and asked.kind != Kind.UNBIND and asked.sent_boot_us <= deadline_us

    # What happens.

    def _edge(self, edge: Edge) -> None:
        kind = EdgeKind(edge.what)
        if not edge.done:
            return
        if kind in DOWN:
            self._awake = False
            self._outstanding = None
            if kind is EdgeKind.REBOOTED:
                self._boots += 1
                boot_us = self._clocks.boot_us(self._name, edge.at_us)
                self._rebooted = boot_us, self._wall(edge.at_us)
        elif kind is EdgeKind.ROLLED_BACK:
            image = self.images[edge.value]
            rebooted = self._rebooted is not None or image.boots != self._boots
            self._put_back(edge.at_us, image, rebooted=rebooted)
        elif kind is EdgeKind.CLONED:
            self._put_back(edge.at_us, self._of(edge.value).images[edge.at_us], rebooted=True)
        elif kind is EdgeKind.SUSPENDED:
            self._awake = False
        elif kind in (EdgeKind.STARTED, EdgeKind.RESUMED):
            self._awake = True
            self._awake_since_us = edge.at_us
            boot_us = self._clocks.boot_us(self._name, edge.at_us)
            wall_us = self._wall(edge.at_us, before_steps=True)
            if kind is EdgeKind.STARTED:
                self._due_us = boot_us
                self._reckon_the_time_away(boot_us, wall_us)
            elif self._due_us is not None:
                self._due_us = max(self._due_us, boot_us)
            asked = self._outstanding
            if asked is not None and boot_us > asked.sent_boot_us + self._timeout_us:
                # Its time was up in the sleep, and the node finds that out first.
                self._ended(asked, Outcome.UNANSWERED, edge.at_us, boot_us, wall_us)
            self._lapse_if_past(edge.at_us, boot_us, wall_us)
            if self._status in OPEN and self._expires_us is not None and boot_us >= self._expires_us:
                self._expire(edge.at_us, wall_us)

    def _put_back(self, at_us: int, image: Image, *, rebooted: bool) -> None:
        """Another state takes the place of the node's own."""
        self._contact_us, self._expires_us, self._strikes = image.contact_us, image.expires_us, image.strikes
        if rebooted:
            self._rebooted = image.boot_us, image.wall_us
        self._become(at_us, image.status)

    def _reckon_the_time_away(self, boot_us: int, wall_us: int) -> None:
        """After a reboot the time away is what passed on the wall clock, and the boot-time clock began anew."""
        if self._rebooted is None:
            return
        since_boot_us, since_wall_us = self._rebooted
        self._rebooted = None
        later_us = boot_us - since_boot_us - max(0, wall_us - since_wall_us)
        if self._contact_us is not None:
            self._contact_us += later_us
        if self._expires_us is not None:
            self._expires_us += later_us

    def _sent(self, asked: Exchange, moment: _Moment) -> None:
        self._outstanding = asked
        if asked.kind == Kind.POLL:
            self._judge_poll(asked.sent_boot_us, moment.at_us)
        if asked.kind != Kind.UNBIND:
            self._asked_us = asked.sent_boot_us
            self._due_us = asked.sent_boot_us + PERIOD_US
        self._lapse_if_past(moment.at_us, asked.sent_boot_us, self._wall(moment.at_us))

    def _judge_poll(self, sent_boot_us: int, at_us: int) -> None:
        self.polls_tested += 1
        if self._asked_us is not None:
            self.intervals[sent_boot_us - self._asked_us - PERIOD_US] += 1
        deadline_us = self._deadline_us
        if not self._awake:
            message = "a poll from a program that does not run"
        elif not self._polls:
            message = f"a poll from a node that is {self._status.name.lower()}"
        elif self._due_us is None or sent_boot_us != self._due_us:
            off_us = 0 if self._due_us is None else sent_boot_us - self._due_us
            message = f"a poll {abs(off_us)} us {'late' if off_us > 0 else 'early'}" if off_us else "a poll too many"
        elif deadline_us is not None and sent_boot_us > deadline_us:
            message = "a poll after the deadline"
        else:
            return
        self.poll_findings.append(PollFinding(at_us, message))

    def _beat(self, beat: Beat) -> None:
        """A run of polls, all granted, by a node at rest."""
        self._judge_poll(beat.first_sent_boot_us, beat.first_sent_us)
        self.polls_tested += beat.polls - 1
        self.intervals[0] += beat.polls - 1
        self._silent_until(beat.first_sent_boot_us)
        self.silences[PERIOD_US - DAY_US] += beat.polls - 1
        self._contact_us = self._asked_us = beat.first_sent_boot_us + (beat.polls - 1) * PERIOD_US
        self._due_us = self._contact_us + PERIOD_US
        self._strikes = 0
        expires_us = self._history.licence(beat.last_sent_us).expires_us
        if expires_us is not None:
            self._expires_us = self._contact_us + expires_us - self._date_at_end_of(beat)

    def _date_at_end_of(self, beat: Beat) -> int:
        """Return the server's date that the last grant of a run of beats carried."""
        arrived_us = beat.last_sent_us + self._history.scenario.network.latency_us
        return self._history.once(Ledger).date_at(arrived_us)

    def _answered(self, asked: Exchange) -> None:
        """What came back for a request; too late, or for a request that was superseded, it changes nothing."""
        if asked is not self._outstanding or not self._awake:
            return
        if asked.spoilt in (Spoilt.GARBAGE, Spoilt.REPLAY):
            return
        at_us = asked.delivered_us
        if asked.verdict in FAILED or asked.spoilt == Spoilt.BROKEN:
            outcome = Outcome.UNANSWERED
        elif asked.outcome in (Outcome.POSITIVE, Outcome.NEGATIVE):
            outcome = Outcome(asked.outcome)  # Whether the node decided right is for R006 to say.
        else:
            granted = asked.verdict == Verdict.GRANTED and validation(self._history, asked) is None
            outcome = Outcome.POSITIVE if granted else Outcome.NEGATIVE
        boot_us = self._clocks.boot_us(self._name, at_us)
        self._ended(asked, outcome, at_us, boot_us, self._wall(at_us))

    def _ended(self, asked: Exchange, outcome: Outcome, at_us: int, boot_us: int, wall_us: int) -> None:
        """A request ended at ``at_us``, handled as at ``boot_us`` and ``wall_us`` on the node's clocks."""
        self._outstanding = None
        if outcome is Outcome.POSITIVE:
            self._strikes = 0
            if asked.kind == Kind.UNBIND:
                self._contact_us = self._due_us = self._expires_us = None
                self._become(at_us, Status.UNREGISTERED)
                return
            self._silent_until(asked.sent_boot_us)
            self._contact_us = asked.sent_boot_us
            self._expires_us = None
            if asked.content != NEVER:
                expires_us = self._history.trace.contents[asked.content][1].expires_us
                if expires_us is not None:
                    self._expires_us = asked.sent_boot_us + expires_us - asked.server_time_us
            self._become(at_us, Status.REGISTERED)
            return
        unanswered = outcome is Outcome.UNANSWERED
        code = Code.NO_CONNECTION if unanswered else self._code(asked)
        self.rows.append(ExpectedRow(at_us, code, asked.number, wall_us))
        if asked.kind == Kind.UNBIND or self._status not in HOLDING:
            return
        self._strikes += 1
        if self._lapses(asked, boot_us):
            self._silent_until(boot_us)
            self._become(at_us, Status.LAPSED)
        elif not unanswered:
            self._become(at_us, self._negative)
        elif self._status is not Status.REJECTED:
            self._become(at_us, Status.INTERRUPTED)

    def _code(self, asked: Exchange) -> int:
        """Return the code of the row that a negative answer had to add."""
        if asked.verdict == Verdict.GRANTED:
            found = validation(self._history, asked)
            return Code.INCORRECT_LICENSE_FORMAT if found is None else found
        return Code.shown_for(asked.verdict)

    def _lapses(self, asked: Exchange, boot_us: int) -> bool:
        if self._reading.lapse_by_count:
            return self._strikes >= STRIKES
        if self._contact_us is None:
            return False
        if self._reading.lapse_needs_later_miss:
            return asked.sent_boot_us > self._contact_us + DAY_US
        deadline_us = self._contact_us + DAY_US
        return boot_us >= deadline_us and not self._poll_in_time_is_due(deadline_us, boot_us)

    @property
    def _negative(self) -> Status:
        return Status.INTERRUPTED if self._reading.refusal_is_silence else Status.REJECTED

    def _lapse_if_past(self, at_us: int, boot_us: int, wall_us: int) -> None:
        deadline_us = self._deadline_us
        if deadline_us is None or boot_us <= deadline_us or self._in_time(deadline_us):
            return
        if not self._poll_in_time_is_due(deadline_us, boot_us):
            self._lapse(at_us, boot_us, wall_us)

    def _poll_in_time_is_due(self, deadline_us: int, boot_us: int) -> bool:
        """Tell whether a poll that fell due by the deadline is still to be sent at this instant."""
        return self._due_us is not None and self._due_us <= deadline_us and self._due_us <= boot_us

    def _silent_until(self, boot_us: int) -> None:
        """A node that holds a registration has its next contact, or lapses."""
        if self._contact_us is not None and self._status in HOLDING:
            self.silences[boot_us - self._contact_us - DAY_US] += 1

    def _lapse(self, at_us: int, boot_us: int, wall_us: int) -> None:
        self._silent_until(boot_us)
        self.rows.append(ExpectedRow(at_us, Code.NO_CONNECTION, NEVER, wall_us))
        self._become(at_us, Status.LAPSED)
        self._contact_us = None

    def _expire(self, at_us: int, wall_us: int) -> None:
        self._expires_us = None
        self.rows.append(ExpectedRow(at_us, Code.LICENSE_EXPIRED, NEVER, wall_us))
        self._become(at_us, self._negative)

    def _become(self, at_us: int, status: Status) -> None:
        if self._status is not status:
            self.transitions.append(ExpectedTransition(at_us, self._status, status))
            self._status = status


class WrongTurn(NamedTuple):
    """A change of status that the law asked for and that is missing, or that happened and has no reason."""

    at_us: int
    node: int
    before: int
    after: int
    missing: bool

    @property
    def message(self) -> str:
        """The finding in a sentence."""
        turn = f"from {Status(self.before).name.lower()} to {Status(self.after).name.lower()}"
        return (
            f"the node did not turn {turn} here" if self.missing else f"the node turned {turn} here, without a reason"
        )


class NodeLaws:
    """The laws of all nodes of a history, by place.

    ``wrong_turns`` is where their statuses depart from the law: each rule speaks of those that it is about.
    """

    def __init__(self, history: History) -> None:
        wanted: dict[int, set[int]] = {}
        for node in history.nodes:
            for edge in node.edges:
                if edge.what == EdgeKind.ROLLED_BACK and edge.done:
                    wanted.setdefault(node.place, set()).add(edge.value)
                elif edge.what == EdgeKind.CLONED:
                    wanted.setdefault(edge.value, set()).add(edge.at_us)
        laws: dict[int, NodeLaw] = {}

        def law_of(place: int) -> NodeLaw:
            if place not in laws:
                laws[place] = NodeLaw(history, history.nodes[place], sorted(wanted.get(place, ())), law_of)
            return laws[place]

        self.of = [law_of(node.place) for node in history.nodes]
        self.wrong_turns: list[WrongTurn] = []
        for law in self.of:
            expected = Counter((each.at_us, each.before, each.after) for each in law.transitions)
            recorded = Counter((each.at_us, each.before, each.after) for each in law.node.transitions)
            if expected != recorded:
                for turn in (expected - recorded).elements():
                    self.wrong_turns.append(WrongTurn(turn[0], law.node.place, *turn[1:], missing=True))
                for turn in (recorded - expected).elements():
                    self.wrong_turns.append(WrongTurn(turn[0], law.node.place, *turn[1:], missing=False))
