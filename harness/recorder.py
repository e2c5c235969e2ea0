"""The recorder: writes into the trace what the machines say, in the trace's own terms.

The machines and the trace share no types on purpose, since the rule book reads the trace and must not depend on
the machines. This module is the one place that knows both vocabularies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fake_fdl_nodes.node import Changed, Ended, Ending, Failed, Node, Send, Status
from harness import trace as history
from harness.cruise import Stretch
from harness.scenario import Scenario
from harness.trace import NEVER, Trace
from reference_server.authority import Change
from reference_server.protocol import Answer, Details, Grant, Refusal

__all__ = ["Recorder"]

_STATUS = {status: history.Status[status.name] for status in Status}
_OUTCOME = {ending: history.Outcome[ending.name] for ending in Ending}


class Recorder:
    """Writes the trace of one run of ``scenario``. Nodes are named by their place in it.

    :param sees_slots: whether the changes of slots can be recorded.
    """

    def __init__(self, scenario: Scenario, *, sees_slots: bool = True) -> None:
        nodes = scenario.nodes
        #: Who wants to know what happens to a host, by its place.
        self.watchers: dict[int, Callable[[history.EdgeKind], None]] = {}
        self.trace = Trace(tuple(each.name for each in nodes), sees_slots=sees_slots)
        #: The first node of each installation: what happens to a slot is told of it.
        self._place: dict[str, int] = {}
        for i, setup in enumerate(nodes):
            self._place.setdefault(setup.installation, i)
        self._outstanding = [NEVER] * len(nodes)
        self._open = bytearray(len(nodes))
        self._contents: dict[tuple[int, Details], int] = {}
        exchanges = self.trace.exchanges
        self._lost = exchanges.column("lost")
        self._server = exchanges.column("server")
        self._arrived = exchanges.column("arrived_us")
        self._verdict = exchanges.column("verdict")
        self._server_time = exchanges.column("server_time_us")
        self._content = exchanges.column("content")
        self._signature = exchanges.column("signature")
        self._answer_lost = exchanges.column("answer_lost")
        self._spoilt = exchanges.column("spoilt")
        self._delivered = exchanges.column("delivered_us")
        self._ended = exchanges.column("ended_us")
        self._outcome = exchanges.column("outcome")

    def sent(
        self, at_us: int, i: int, node: Node, send: Send, *, reported: int, source: int, form: int, lost: bool
    ) -> int:
        """Record that ``node`` sent its outstanding request. Return the exchange's place in the trace."""
        asked = node.outstanding
        assert asked is not None, "what was just sent is outstanding"
        nothing_yet = (
            NEVER,
            history.Verdict.NONE,
            NEVER,
            NEVER,
            NEVER,
            0,
            0,
            NEVER,
            NEVER,
            history.Outcome.OPEN,
        )
        place = self.trace.exchanges.add(
            i,
            asked.kind,
            asked.number,
            at_us,
            send.sent_us,
            reported,
            source,
            form,
            int(lost),
            0,
            *nothing_yet,
        )
        self._outstanding[i] = place
        self.trace.requests[i] += 1
        return place

    def arrived(self, at_us: int, place: int, verdict: history.Verdict, server: int) -> None:
        """Record that a request reached a server's machine, and what becomes of it there unless it is answered."""
        self._arrived[place] = at_us
        self._server[place] = server
        self._verdict[place] = verdict

    def astray(self, place: int) -> None:
        """Record that a request came to an address where there is no server, unless it has come to one before."""
        if self._arrived[place] == NEVER:
            self._lost[place] = 1

    def rejected(self, place: int) -> None:
        """Record that a firewall on the way refused the connection."""
        self._verdict[place] = history.Verdict.REJECTED

    def copied(self, at_us: int, place: int, answer: Answer | None) -> None:
        """Record that a running server received a request once more."""
        self.trace.copies.add(place, at_us, *self._of(answer))

    def was_answered(self, place: int) -> bool:
        """Tell whether a running server has answered a request."""
        return self._verdict[place] >= history.Verdict.GRANTED

    def known(self, place: int) -> bool:
        """Tell whether it is known already what the server's machine made of a request."""
        return self._arrived[place] != NEVER

    def server(self, place: int) -> int:
        """Return which server's machine a request came to."""
        return self._server[place]

    def answered(self, place: int, answer: Answer | None) -> None:
        """Record the verdict of a running server, ``None`` if it says nothing."""
        (
            self._verdict[place],
            self._server_time[place],
            self._content[place],
            self._signature[place],
        ) = self._of(answer)

    def _of(self, answer: Answer | None) -> tuple[int, int, int, int]:
        """Return verdict, date, content and signature of an answer, as the trace has them."""
        if answer is None:
            return history.Verdict.NONE, NEVER, NEVER, NEVER
        if isinstance(answer, Refusal):
            return answer.code, NEVER, NEVER, NEVER
        signature = len(self.trace.signatures)
        self.trace.signatures.append(answer.signature)
        if not isinstance(answer, Grant):
            return history.Verdict.GRANTED, answer.server_time_us, NEVER, signature
        contents = self.trace.contents
        content = (answer.capacity, answer.details)
        known = self._contents.setdefault(content, len(contents))
        if known == len(contents):
            contents.append(content)
        return history.Verdict.GRANTED, answer.server_time_us, known, signature

    def answer_lost(self, place: int) -> None:
        """Record that the answer, or the refused connection, was lost on its way down."""
        self._answer_lost[place] = 1

    def delivered(self, at_us: int, place: int, spoilt: history.Spoilt) -> None:
        """Record that the answer, or what came in its place, reached the running node; the first time counts."""
        if self._delivered[place] == NEVER:
            self._delivered[place] = at_us
            self._spoilt[place] = spoilt

    def effect(self, at_us: int, i: int, effect: Ended | Changed | Failed) -> None:
        """Record what happened at a node."""
        if type(effect) is Ended:
            place, self._outstanding[i] = self._outstanding[i], NEVER
            self._ended[place] = at_us
            self._outcome[place] = _OUTCOME[effect.ending]
        elif type(effect) is Changed:
            reason = history.TransitionReason[effect.reason.name]
            self.trace.transitions.add(at_us, i, _STATUS[effect.before], _STATUS[effect.after], reason)
        else:
            assert type(effect) is Failed
            row = effect.row
            self.trace.failures.add(at_us, i, row.wall_us, row.code, effect.number or NEVER, effect.shown)

    def access(self, at_us: int, i: int, opened: bool) -> None:
        """Record that access opened or closed, if it did."""
        if opened != self._open[i]:
            self._open[i] = opened
            self.trace.access.add(at_us, i, int(opened))

    def slots(self, at_us: int, changes: Sequence[Change], server: int = 0) -> None:
        """Record what happened to slots of a server."""
        for kind, installation, address, live in changes:
            change = history.SlotChange[kind.name]
            self.trace.slots.add(at_us, self._place[installation], change, address, live, server)

    def count(self, at_us: int, live: int, server: int) -> None:
        """Record how many slots a server says are live; the last time within an instant counts."""
        counts = self.trace.counts
        if len(counts) and (counts.column("at_us")[-1], counts.column("server")[-1]) == (at_us, server):
            counts.column("live")[-1] = live
        else:
            counts.add(at_us, live, server)

    def copied_state(self, at_us: int, i: int, before: Status, after: Status) -> None:
        """Record that node ``i`` was given another state."""
        if before is not after:
            self.trace.transitions.add(at_us, i, _STATUS[before], _STATUS[after], history.TransitionReason.COPIED)

    def beats(self, i: int, node: Node, first_boot_us: int, skipped: Stretch) -> None:
        """Record the polls of a cruising node, before it takes them for sent."""
        self.trace.requests[i] += skipped.polls
        self.trace.beats.add(
            i,
            skipped.polls,
            node.number + 1,
            first_boot_us,
            skipped.first_sent_us,
            skipped.last_sent_us,
            node.address,
        )

    def edge(self, at_us: int, host: int, what: history.EdgeKind, *, value: int = 0, done: bool = True) -> None:
        """Record that something happened to a host or was asked of it."""
        self.trace.edges.add(at_us, host, what, value, int(done))
        watcher = self.watchers.get(host)
        if watcher is not None:
            watcher(what)

    def finish(self, nodes: Sequence[Node]) -> Trace:
        """Record what the nodes themselves show at the end, and return the trace."""
        for i, node in enumerate(nodes):
            self.trace.final_lists[i] = tuple((row.wall_us, int(row.code)) for row in node.failures.rows)
        return self.trace
