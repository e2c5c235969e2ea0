"""Histories written by hand: what a node asked, what it was told, and what it then was.

A `Story` fills a trace row by row, with the latency of 5 ms each way and the timeout of 30 s. It follows nothing by
itself: a status, a failure row or a slot changes only where the test writes it down.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fake_fdl_nodes.fleet import NodeSetup
from harness.rulebook import Finding, Judgement, judge
from harness.scenario import Event, LicenceSpec, Scenario
from harness.trace import (
    NEVER,
    SERVER_HOST,
    EdgeKind,
    Exchange,
    Outcome,
    SlotChange,
    Spoilt,
    Status,
    Trace,
    TransitionReason,
    Verdict,
)
from reference_server.protocol import Code, Details, Grant, Kind, Release, signature_of
from reference_server.readings import LITERAL, Reading

MS = 1_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
#: 2026-03-01T00:00:00Z.
START = 1_772_323_200_000_000
#: 192.168.100.25, and the licensed range 192.168.100.25 to 192.168.100.40.
FIRST = 0xC0A86419
KEY = b"fdl-harness simulated key"

GRANTED, REFUSED_PORT, LOST, ANSWER_LOST = "granted", "port refuses", "lost", "answer lost"
UNTRUSTED = "not trusted"


class Story:
    """A history in the making, of the nodes a, b and c unless ``nodes`` says otherwise."""

    def __init__(
        self,
        *events: Event,
        nodes: tuple[NodeSetup, ...] = (),
        days: int = 4,
        reading: Reading = LITERAL,
        **licence: Any,
    ) -> None:
        licence.setdefault("ranges", ((FIRST, FIRST + 15),))
        licence.setdefault("capacity", 3)
        self.reading = reading
        self.scenario = Scenario(
            title="by hand",
            start_us=START,
            duration_us=days * DAY,
            licence=LicenceSpec(**licence),
            nodes=nodes or tuple(node(name, address=FIRST + k) for k, name in enumerate("abc")),
            events=events,
        )
        self.trace = Trace(tuple(each.name for each in self.scenario.nodes))
        self._place = {each.name: k for k, each in enumerate(self.scenario.nodes)}
        self._numbers = [0] * len(self._place)
        self.edge("server", 0, EdgeKind.STARTED)

    def asks(
        self,
        name: str,
        kind: Kind,
        at_us: int,
        told: str | int = GRANTED,
        *,
        outcome: Outcome | None = None,
        address: int | None = None,
        reported: int | None = None,
        form: int = 0,
        details: Details | None = None,
        signature: str | None = None,
        boot_us: int | None = None,
        ended_us: int | None = None,
        asked_for: bool = True,
    ) -> int:
        """Add one request and what became of it, and return its number.

        ``told`` is GRANTED, a code, or how it failed; ``outcome`` is what the node made of it, by default the right
        thing. ``ended_us`` is when it says that the request ended, if not in its own time. Unless it is a poll, an
        administrator has asked for it, or not, by ``asked_for``.
        """
        place = self._place[name]
        setup = self.scenario.nodes[place]
        self._numbers[place] += 1
        number = self._numbers[place]
        if asked_for and kind is not Kind.POLL:
            self.edge(name, at_us, EdgeKind.REGISTER_ASKED if kind is Kind.REGISTER else EdgeKind.UNBIND_ASKED)
        source = setup.address if address is None else address
        lost, answer_lost = told == LOST, told == ANSWER_LOST
        answered = not lost and not answer_lost
        verdict = {GRANTED: Verdict.GRANTED, ANSWER_LOST: Verdict.GRANTED, LOST: Verdict.NONE}.get(str(told))
        if verdict is None:
            failed = {REFUSED_PORT: Verdict.CONNECTION_REFUSED, UNTRUSTED: Verdict.UNTRUSTED}
            verdict = failed.get(str(told), Verdict.NONE)
        content = signed = server_time_us = NEVER
        if verdict is Verdict.GRANTED:
            server_time_us = START + at_us + 5 * MS
            if kind is Kind.UNBIND:
                signed = self._release(setup, number, server_time_us, signature)
            else:
                content, signed = self._grant(setup, number, server_time_us, details, signature)
        if outcome is None:
            outcome = Outcome.UNANSWERED
            if told == GRANTED:
                outcome = Outcome.POSITIVE
            elif isinstance(told, int):
                outcome = Outcome.NEGATIVE
        self.trace.exchanges.add(
            *Exchange(
                node=place,
                kind=kind,
                number=number,
                sent_us=at_us,
                sent_boot_us=at_us if boot_us is None else boot_us,
                reported=source if reported is None else reported,
                source=source,
                form=form,
                lost=lost,
                server=0,
                arrived_us=NEVER if lost else at_us + 5 * MS,
                verdict=told if isinstance(told, int) else verdict,
                server_time_us=server_time_us,
                content=content,
                signature=signed,
                answer_lost=answer_lost,
                spoilt=Spoilt.NO,
                delivered_us=at_us + 10 * MS if answered else NEVER,
                ended_us=at_us + (10 * MS if answered else 30 * SECOND) if ended_us is None else ended_us,
                outcome=outcome,
            )
        )
        return number

    def _grant(
        self, setup: NodeSetup, number: int, server_time_us: int, details: Details | None, signature: str | None
    ) -> tuple[int, int]:
        licence = self.scenario.licence
        if details is None:
            details = Details(
                function_points=licence.function_points,
                access_domains=licence.domains,
                access_ports=licence.ports,
                application_names=licence.applications,
                expires_us=licence.expires_us,
            )
        grant = Grant(
            number=number,
            installation=setup.installation,
            server_time_us=server_time_us,
            capacity=licence.capacity,
            details=details,
            signature="",
        )
        self.trace.contents.append((licence.capacity, details))
        self.trace.signatures.append(signature_of(grant, KEY) if signature is None else signature)
        return len(self.trace.contents) - 1, len(self.trace.signatures) - 1

    def _release(self, setup: NodeSetup, number: int, server_time_us: int, signature: str | None) -> int:
        release = Release(number=number, installation=setup.installation, server_time_us=server_time_us, signature="")
        self.trace.signatures.append(signature_of(release, KEY) if signature is None else signature)
        return len(self.trace.signatures) - 1

    def turns(self, name: str, at_us: int, before: Status, after: Status, reason: TransitionReason) -> None:
        """Add a change of status, and of access with it."""
        self.trace.transitions.add(at_us, self._place[name], before, after, reason)
        opened = after in (Status.REGISTERED, Status.INTERRUPTED)
        if opened != (before in (Status.REGISTERED, Status.INTERRUPTED)):
            self.opens(name, at_us, opened)

    def opens(self, name: str, at_us: int, opened: bool) -> None:
        """Add a change of access alone."""
        self.trace.access.add(at_us, self._place[name], int(opened))

    def lists(
        self,
        name: str,
        at_us: int,
        code: int,
        number: int = NEVER,
        *,
        shown: int | None = None,
        wall_us: int | None = None,
    ) -> None:
        """Add a failure row, kept in the list to the end, dated by a wall clock that is right or by ``wall_us``."""
        place = self._place[name]
        dated_us = START + at_us if wall_us is None else wall_us
        self.trace.failures.add(at_us, place, dated_us, code, number, code if shown is None else shown)
        self.trace.final_lists[place] += ((dated_us, code),)

    def beats(self, name: str, first_us: int, polls: int) -> None:
        """Add a run of granted polls, every two hours on a right clock."""
        place = self._place[name]
        last_us = first_us + (polls - 1) * 2 * HOUR
        address = self.scenario.nodes[place].address
        self.trace.beats.add(place, polls, self._numbers[place] + 1, first_us, first_us, last_us, address)
        self._numbers[place] += polls

    def slot(self, name: str, at_us: int, change: SlotChange, live: int) -> None:
        """Add a change of a slot."""
        place = self._place[name]
        self.trace.slots.add(at_us, place, change, self.scenario.nodes[place].address, live, 0)

    def edge(self, host: str, at_us: int, what: EdgeKind, value: int = 0, *, done: bool = True) -> None:
        """Add what happened to a host, or, if it is not ``done``, what was tried."""
        place = SERVER_HOST if host == "server" else self._place[host]
        self.trace.edges.add(at_us, place, what, value, int(done))

    # What happens in most stories.

    def registers(self, name: str, at_us: int = 0, live: int = 1) -> None:
        """A register that goes right in every respect."""
        self.asks(name, Kind.REGISTER, at_us)
        self.slot(name, at_us + 5 * MS, SlotChange.TAKEN, live)
        self.turns(name, at_us + 10 * MS, Status.UNREGISTERED, Status.REGISTERED, TransitionReason.GRANTED)

    def misses(self, name: str, at_us: int, told: str = REFUSED_PORT, *, first: bool = False, off_us: int = 0) -> None:
        """A poll that nobody answers, listed as it should be by a wall clock that is ``off_us`` ahead.

        The ``first`` one interrupts.
        """
        number = self.asks(name, Kind.POLL, at_us, told)
        ended_us = at_us + (10 * MS if told == REFUSED_PORT else 30 * SECOND)
        self.lists(name, ended_us, Code.NO_CONNECTION, number, wall_us=START + ended_us + off_us)
        if first:
            self.turns(name, ended_us, Status.REGISTERED, Status.INTERRUPTED, TransitionReason.UNANSWERED)

    def lapses(self, name: str, at_us: int, before: Status = Status.INTERRUPTED) -> None:
        """A lapse while no attempt ends, with the row that it adds."""
        self.lists(name, at_us, Code.NO_CONNECTION)
        self.turns(name, at_us, before, Status.LAPSED, TransitionReason.SILENCE)

    def until(self, end_us: int) -> Story:
        """Let the run end at ``end_us``, so that nothing after it is due."""
        self.scenario = replace(self.scenario, duration_us=end_us)
        return self

    def judged(self, rule: str) -> Judgement:
        """Return what the rule makes of the story. No other rule may crash over it, or find what makes no sense."""
        judgements = judge(self.scenario, self.reading, self.trace)
        for each in judgements.values():
            assert not each.trouble, each
            for finding in (each.first, *each.notes):
                if finding is not None:
                    check_finding(self.scenario, each.rule, finding)
        return judgements[rule]


#: The rules of what the server does by itself; that of leases counts its slots where it does not see whose they are.
OF_THE_SERVER = ("R009", "R010", "R012", "R014", "R034", "R083", "R086", "R125")


def check_finding(scenario: Scenario, rule: str, finding: Finding) -> None:
    """Assert that a finding says when it was, in the course of the run, at which node if at one, and what it was."""
    assert isinstance(finding.at_us, int)
    assert 0 <= finding.at_us <= scenario.duration_us
    at_node = finding.node in [each.name for each in scenario.nodes]
    assert at_node or (finding.node is None and rule in OF_THE_SERVER)
    assert finding.message
    assert "None" not in finding.message


def node(name: str, **more: Any) -> NodeSetup:
    """Return a node that is licensed in every respect unless ``more`` says otherwise."""
    setup: dict[str, Any] = {"name": name, "address": FIRST, "application": "report1"} | more
    return NodeSetup(**setup)


def first_of(judgement: Judgement) -> tuple[int, str | None, str]:
    """Return when, at which node and how a rule was first broken."""
    assert judgement.first is not None
    return judgement.first.at_us, judgement.first.node, judgement.first.message
