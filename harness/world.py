"""One world: a server, its nodes, their clocks and the network, in simulated time.

SimPy keeps true time. Everything that happens is a callback on an int instant, and at one instant the order is
the timing law's, never the accident of what was scheduled first: in rounds, until nothing is left to do, ends of
events, starts, actions of administrators, slots that become void, arrivals at the server, arrivals at nodes, and
the nodes' timers. The world moves messages and writes the trace; what they mean is the machines' business.

**Cruising.** A poll that can change nothing is counted, not simulated. When a node has just been granted, is at
rest, and nothing that concerns it changes before a known instant (`Plan.edge_after`, the licence's end, the end of
the run), then every poll whose whole round trip is over before that instant will be granted and change nothing:
both machines are told so at once (`Node.skip_polls`, `Authority.renew_unseen`), and the next poll that is simulated
is the first one that might be touched. Both machines then hold what they would have held after the last skipped
poll, some of it ahead of its time; that is safe because whoever could see the difference would be an edge.
``every_poll`` switches this off, and must give the same digest.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, TypeAlias

import simpy

from fake_fdl_nodes.node import LEASE_US, PERIOD_US, Changed, Ended, Ending, Node, Send, Status
from harness import trace as history
from harness.faults import Happening, Phase, plan
from harness.network import Way
from harness.scenario import Scenario, Verb
from harness.trace import NEVER, SERVER_HOST, EdgeKind, Trace
from reference_server.authority import Authority, Change, Power
from reference_server.licence import SIMULATED_KEY, Licence
from reference_server.protocol import (
    Answer,
    Grant,
    Instant,
    Malformed,
    ProtocolError,
    Refusal,
    Request,
    decode_request,
)
from reference_server.readings import Reading

__all__ = ["NodeFactory", "ServerFactory", "World", "run"]

ServerFactory: TypeAlias = Callable[[Licence, Reading], Authority]
NodeFactory: TypeAlias = Callable[..., Node]

# The parts of an instant, in order. Those of `Phase` come first, the timers of a node (`Timer`) last.
_VOID, _SERVER_ARRIVAL, _NODE_ARRIVAL, _TIMERS = 3, 4, 5, 6

_STATUS = {status: history.Status[status.name] for status in Status}
_OUTCOME = {ending: history.Outcome[ending.name] for ending in Ending}
_DOWN_EDGE = {
    Verb.SERVER_STOP: EdgeKind.STOPPED,
    Verb.SERVER_CRASH: EdgeKind.CRASHED,
    Verb.SERVER_SUSPEND: EdgeKind.SUSPENDED,
    Verb.NODE_STOP: EdgeKind.STOPPED,
    Verb.NODE_CRASH: EdgeKind.CRASHED,
    Verb.NODE_SUSPEND: EdgeKind.SUSPENDED,
}


def run(
    scenario: Scenario,
    reading: Reading,
    *,
    every_poll: bool = False,
    server: ServerFactory = Authority,
    node: NodeFactory = Node,
) -> Trace:
    """Play ``scenario`` under ``reading`` and return what happened.

    :param every_poll: simulate also the polls that can change nothing.
    :param server: makes the authorization server from a licence and a reading.
    :param node: makes a node, called like `Node`.
    """
    return World(scenario, reading, every_poll=every_poll, server=server, node=node).run()


class World:
    """One run of one scenario. See `run` for the parameters."""

    def __init__(
        self,
        scenario: Scenario,
        reading: Reading,
        *,
        every_poll: bool = False,
        server: ServerFactory = Authority,
        node: NodeFactory = Node,
    ) -> None:
        self._scenario = scenario
        self._plan = plan(scenario)
        self._network = self._plan.network
        self._trace = Trace(tuple(each.name for each in scenario.nodes))
        self._env = simpy.Environment(initial_time=0)
        self._agenda: dict[int, list[Any]] = {}
        self._round_and_phase = (0, -1)
        self._tiebreak = count()
        self._now = 0

        spec = scenario.licence
        self._licence = Licence(
            capacity=spec.capacity,
            ranges=spec.ranges,
            applications=spec.applications,
            domains=spec.domains,
            ports=spec.ports,
            function_points=spec.function_points,
            version=spec.version,
            expires_us=spec.expires_us,
        )
        self._authority = server(self._licence, reading)
        self._server_down: tuple[int, int] | None = None  # (event index, since) of the fault in force
        self._server_suspended = False
        self._licence_suspensions: list[int] = []
        self._void_at: int | None = None
        #: The last arrival of a skipped poll, in true time and on the server's wall clock.
        self._skipped = (NEVER, 0)

        timeout_us = scenario.network.timeout_us
        self._nodes = [
            node(setup, reading, timeout_us=timeout_us, key=SIMULATED_KEY) for setup in scenario.nodes
        ]
        self._place = {setup.installation: i for i, setup in enumerate(scenario.nodes)}
        self._clocks = self._plan.node_clocks
        self._down_by: list[int | None] = [None] * len(self._nodes)
        self._suspended = bytearray(len(self._nodes))
        self._open = bytearray(len(self._nodes))
        self._armed: list[tuple[int, int, int] | None] = [None] * len(self._nodes)
        self._exchange: list[int] = [NEVER] * len(self._nodes)
        self._contents: dict[Any, int] = {}
        # Skipping is proven for the reference machines alone; anybody else's are asked every time.
        self._cruises = not every_poll and type(self._authority) is Authority
        self._cruises = self._cruises and all(type(each) is Node for each in self._nodes)

    def run(self) -> Trace:
        """Play the whole scenario, from 0 to its duration, both included."""
        self._start_server(self._plan.server_clock.instant_before_steps(0), 0)
        for i in range(len(self._nodes)):
            self._apply(i, self._nodes[i].start(self._clocks[i].instant_before_steps(0)))
        for happening in self._plan.happenings:
            self._at(happening.at_us, happening.phase, (happening.order,), self._happen, (happening,))
        self._env.run(until=self._scenario.duration_us + 1)
        for i, each in enumerate(self._nodes):
            self._trace.requests[i] = each.number
            self._trace.final_lists[i] = tuple((row.wall_us, int(row.code)) for row in each.failures.rows)
        return self._trace

    # The agenda: callbacks on int instants, in the timing law's order within one.

    def _at(
        self, at_us: int, phase: int, order: tuple[int, ...], call: Callable[..., None], args: tuple[Any, ...]
    ) -> None:
        if at_us > self._scenario.duration_us:
            return
        bucket = self._agenda.get(at_us)
        if bucket is None:
            bucket = self._agenda[at_us] = []
            self._env.timeout(at_us - self._now, value=at_us).callbacks.append(self._play)
        round_ = 0
        if at_us == self._now:
            # What belongs to a part of this instant that is over is done in the next round.
            round_, over = self._round_and_phase
            round_ += phase <= over
        heapq.heappush(bucket, (round_, phase, order, next(self._tiebreak), call, args))

    def _play(self, event: simpy.Event) -> None:
        self._now = event.value
        bucket = self._agenda[self._now]
        while bucket:
            round_, phase, _, _, call, args = heapq.heappop(bucket)
            self._round_and_phase = (round_, phase)
            call(*args)
        self._round_and_phase = (0, -1)
        del self._agenda[self._now]

    # Events of the scenario.

    def _happen(self, happening: Happening) -> None:
        verb = happening.verb
        if verb.value.startswith("server."):
            self._server_event(happening)
        elif verb.value.startswith("licence."):
            self._licence_event(happening)
        else:
            for k, i in enumerate(self._meant(happening)):
                self._node_event(happening, i, k)

    def _meant(self, happening: Happening) -> Sequence[int]:
        """Return the nodes that an event means now: a fault's end those that it took down, else by status."""
        event = happening.event
        if event is None:
            return happening.nodes
        if happening.phase is Phase.END and event.verb is not happening.verb:
            return [i for i in happening.nodes if self._down_by[i] == event.index]
        if event.only is None:
            return happening.nodes
        return [i for i in happening.nodes if self._nodes[i].status.value == event.only]

    def _server_event(self, happening: Happening) -> None:
        event, verb, now = happening.event, happening.verb, self._now
        assert event is not None
        self._note_skipped_date()
        down = self._server_down
        if verb in (Verb.SERVER_START, Verb.SERVER_RESUME):
            ends_itself = event.verb is not verb
            if down is None or (ends_itself and down[0] != event.index):
                return
            if verb is Verb.SERVER_RESUME and self._server_suspended:
                self._server_suspended = False
                self._server_down = None
                self._trace.edges.add(now, SERVER_HOST, EdgeKind.RESUMED, 0, 1)
            elif verb is Verb.SERVER_START and not self._server_suspended:
                self._server_down = None
                self._start_server(self._plan.server_clock.instant_before_steps(now), now - down[1])
        elif verb is Verb.SERVER_DESTROY:
            self._record_slots(self._authority.destroy())
            self._server_suspended = False
            self._server_down = down or (event.index, now)
            self._trace.edges.add(now, SERVER_HOST, EdgeKind.DESTROYED, 0, 1)
        elif down is None:
            self._server_down = (event.index, now)
            if verb is Verb.SERVER_SUSPEND:
                self._server_suspended = True
            else:
                self._authority.stop()
            self._trace.edges.add(now, SERVER_HOST, _DOWN_EDGE[verb], 0, 1)
        self._arm_void()

    def _start_server(self, now: Instant, downtime_us: int) -> None:
        self._record_slots(self._authority.start(now, downtime_us=downtime_us))
        done = self._authority.power is Power.RUNNING
        self._trace.edges.add(self._now, SERVER_HOST, EdgeKind.STARTED, 0, int(done))
        self._void_at = None
        self._arm_void()

    def _licence_event(self, happening: Happening) -> None:
        event, now = happening.event, self._now
        assert event is not None
        self._note_skipped_date()
        if happening.verb is Verb.LICENCE_SUSPEND:
            self._licence_suspensions.append(event.index)
        elif event.verb is Verb.LICENCE_RESUME:
            self._licence_suspensions.clear()
        elif event.index in self._licence_suspensions:
            self._licence_suspensions.remove(event.index)
        suspended = bool(self._licence_suspensions)
        edge = EdgeKind.LICENCE_SUSPENDED if suspended else EdgeKind.LICENCE_RESUMED
        self._trace.edges.add(now, SERVER_HOST, edge, 0, 1)
        self._authority.use(replace(self._licence, suspended=suspended))

    def _node_event(self, happening: Happening, i: int, k: int) -> None:
        event, verb, node, now = happening.event, happening.verb, self._nodes[i], self._now
        clock = self._clocks[i]
        awake = node.running and not self._suspended[i]
        edges = self._trace.edges
        if verb is Verb.NODE_REGISTER:
            edges.add(now, i, EdgeKind.REGISTER_ASKED, 0, int(awake))
            if awake:
                self._apply(i, node.register(clock.instant(now)))
        elif verb is Verb.NODE_UNBIND:
            edges.add(now, i, EdgeKind.UNBIND_ASKED, 0, int(awake))
            if awake:
                self._apply(i, node.unbind(clock.instant(now)))
        elif verb is Verb.NODE_MOVE:
            assert event is not None and event.address is not None
            node.address = event.address + k
            edges.add(now, i, EdgeKind.MOVED, node.address, 1)
        elif verb is Verb.NODE_START:
            if self._suspended[i] or node.running:
                return
            self._down_by[i] = None
            edges.add(now, i, EdgeKind.STARTED, 0, 1)
            self._apply(i, node.start(clock.instant_before_steps(now)))
        elif verb is Verb.NODE_RESUME:
            if not self._suspended[i]:
                return
            self._down_by[i] = None
            self._suspended[i] = False
            edges.add(now, i, EdgeKind.RESUMED, 0, 1)
            self._apply(i, node.resume(clock.instant_before_steps(now)))
        elif awake:
            assert event is not None
            self._down_by[i] = event.index
            edges.add(now, i, _DOWN_EDGE[verb], 0, 1)
            if verb is Verb.NODE_SUSPEND:
                self._suspended[i] = True
            self._apply(i, [] if verb is Verb.NODE_SUSPEND else node.stop())

    # A request on its way up, an answer on its way down.

    def _send(self, i: int, send: Send) -> None:
        node, now = self._nodes[i], self._now
        asked = node.outstanding
        assert asked is not None
        lost = self._network.loses(i, Way.UP, now)
        request: Request | Malformed
        try:
            request = decode_request(send.request) if isinstance(send.request, bytes) else send.request
            form, reported = 0, request.address
        except ProtocolError as error:
            request = Malformed(code=error.code, reason=error.reason)
            form, reported = int(error.code), 0
        place = self._exchange[i] = self._trace.exchanges.add(
            i,
            asked.kind,
            asked.number,
            now,
            send.sent_us,
            reported,
            node.address,
            form,
            int(lost),
            NEVER,
            history.Verdict.NONE,
            NEVER,
            NEVER,
            NEVER,
            0,
            NEVER,
            NEVER,
            history.Outcome.OPEN,
        )
        if not lost:
            arrival_us = now + self._network.latency_us
            order = (now, i, asked.number)
            self._at(arrival_us, _SERVER_ARRIVAL, order, self._arrive, (i, asked.number, request, place))

    def _arrive(self, i: int, number: int, request: Request | Malformed, place: int) -> None:
        now, exchanges = self._now, self._trace.exchanges
        if self._server_suspended:
            return
        exchanges.column("arrived_us")[place] = now
        answer: Answer | None = None
        source = exchanges.column("source")[place]
        if self._authority.power is not Power.RUNNING:
            exchanges.column("verdict")[place] = history.Verdict.CONNECTION_REFUSED
        else:
            self._note_skipped_date()
            reply = self._authority.handle(request, source, self._plan.server_clock.instant(now))
            self._record_slots(reply.changes)
            self._arm_void()
            answer = reply.answer
            self._record_answer(place, answer)
        # The answer goes to the address that asked; a node that has moved away is not there any more.
        lost = self._network.loses(i, Way.DOWN, now) or self._nodes[i].address != source
        exchanges.column("answer_lost")[place] = int(lost)
        if not lost:
            arrival_us = now + self._network.latency_us
            self._at(
                arrival_us, _NODE_ARRIVAL, (now, i, number), self._deliver, (i, number, answer, place)
            )

    def _deliver(self, i: int, number: int, answer: Answer | None, place: int) -> None:
        node, now = self._nodes[i], self._now
        if self._suspended[i] or not node.running:
            return
        self._trace.exchanges.column("delivered_us")[place] = now
        instant = self._clocks[i].instant(now)
        if answer is None:
            effects = node.connection_refused(number, instant)
        else:
            effects = node.answer(answer, instant)
        self._apply(i, effects)
        if self._cruises and isinstance(answer, Grant) and _POSITIVE in map(_ending_of, effects):
            self._cruise(i)

    # What a node does.

    def _apply(self, i: int, effects: Sequence[Any]) -> None:
        """Carry out what node ``i`` wants and arm its next timer."""
        node, now, trace = self._nodes[i], self._now, self._trace
        for effect in effects:
            if type(effect) is Send:
                self._send(i, effect)
            elif type(effect) is Ended:
                trace.exchanges.column("ended_us")[self._exchange[i]] = now
                trace.exchanges.column("outcome")[self._exchange[i]] = _OUTCOME[effect.ending]
            elif type(effect) is Changed:
                trace.transitions.add(
                    now,
                    i,
                    _STATUS[effect.before],
                    _STATUS[effect.after],
                    history.TransitionReason[effect.reason.name],
                )
            else:
                shown = node.failures.shown
                assert shown is not None
                trace.failures.add(
                    now, i, effect.row.wall_us, effect.row.code, effect.number or NEVER, shown
                )
        opened = node.access and not self._suspended[i]
        if opened != self._open[i]:
            self._open[i] = opened
            trace.access.add(now, i, int(opened))
        self._arm(i)

    def _arm(self, i: int) -> None:
        timer = None if self._suspended[i] else self._nodes[i].next_timer()
        if timer is None:
            self._armed[i] = None
            return
        due_us, kind = timer
        armed = (max(self._now, self._clocks[i].true_us(due_us)), int(kind), due_us)
        if armed != self._armed[i]:
            self._armed[i] = armed
            self._at(armed[0], _TIMERS + kind, (i,), self._fire, (i, kind, armed))

    def _fire(self, i: int, kind: Any, armed: tuple[int, int, int]) -> None:
        if self._armed[i] != armed:
            return
        self._armed[i] = None
        now, due_us, clock = self._now, armed[2], self._clocks[i]
        if clock.true_us(due_us) == now:
            # A timer is handled as if at its due instant, which the clock may have passed within this tick.
            instant = Instant(due_us, due_us + clock.offset_us(now))
        else:
            instant = clock.instant(now)
        self._apply(i, self._nodes[i].fire(kind, instant))

    # What the server does.

    def _record_answer(self, place: int, answer: Answer) -> None:
        exchanges, trace = self._trace.exchanges, self._trace
        if isinstance(answer, Refusal):
            exchanges.column("verdict")[place] = answer.code
            return
        exchanges.column("verdict")[place] = history.Verdict.GRANTED
        exchanges.column("server_time_us")[place] = answer.server_time_us
        exchanges.column("signature")[place] = len(trace.signatures)
        trace.signatures.append(answer.signature)
        if isinstance(answer, Grant):
            content = (answer.capacity, answer.details)
            known = self._contents.setdefault(content, len(trace.contents))
            if known == len(trace.contents):
                trace.contents.append(content)
            exchanges.column("content")[place] = known

    def _record_slots(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._trace.slots.add(
                self._now,
                self._place[change.installation],
                history.SlotChange[change.kind.name],
                change.address,
                change.live,
            )

    def _arm_void(self) -> None:
        """Look at the slots again when the next one might be void."""
        due_us = self._authority.next_void_us()
        if due_us is None:
            self._void_at = None
        elif self._void_at is None:
            self._void_at = max(self._now, self._plan.server_clock.true_us(due_us))
            self._at(self._void_at, _VOID, (), self._void, (self._void_at,))

    def _void(self, armed_us: int) -> None:
        if self._void_at != armed_us:
            return
        self._void_at = None
        self._record_slots(self._authority.expire(self._plan.server_clock.boot_us(self._now)))
        self._arm_void()

    # Cruising.

    def _cruise(self, i: int) -> None:
        """Skip the polls of node ``i`` that can change nothing, after it was granted and is at rest."""
        node, scenario, now = self._nodes[i], self._scenario, self._now
        clock, server_clock = self._clocks[i], self._plan.server_clock
        installation = scenario.nodes[i].installation
        self._note_skipped_date()
        first_us, contact_us = node.poll_due_us, node.contact_us
        assert first_us is not None and contact_us is not None, "a node that was just granted polls"
        # Whatever has changed since the server granted would be seen by the next poll: do not cruise past it.
        if (
            self._authority.power is not Power.RUNNING
            or self._server_suspended
            or self._licence_suspensions
            or self._authority.holder_address(installation) != node.address
            or self._network.loses(i, Way.UP, now)
            or self._network.loses(i, Way.DOWN, now)
        ):
            return
        latency_us = self._network.latency_us
        # A round trip that comes near the timeout, or polls too rare for a slot, are not for arithmetic.
        sends_us = [clock.true_us(first_us + k * PERIOD_US) for k in (-1, 0, 1)]
        reads_us = [server_clock.boot_us(sent_us) for sent_us in sends_us]
        rare = max(reads_us[1] - reads_us[0], reads_us[2] - reads_us[1]) + 2 >= LEASE_US
        round_trip_us = clock.boot_us(sends_us[1] + 2 * latency_us) - first_us
        if rare or round_trip_us + 2 > scenario.network.timeout_us:
            return
        edge_us = self._plan.edge_after(i, now)
        last_us = scenario.duration_us if edge_us is None else min(edge_us - 1, scenario.duration_us)
        expires_us = self._licence.expires_us
        if expires_us is not None:
            # Leave the last polls before the licence ends, by the server's wall clock, to be simulated.
            safe_boot_us = expires_us - 3 * PERIOD_US - server_clock.offset_us(now)
            last_us = min(last_us, server_clock.true_us(safe_boot_us) - 1)
            if self._authority.date_us >= expires_us - 3 * PERIOD_US:
                return
        skipped = (clock.boot_us(last_us - 2 * latency_us) - first_us) // PERIOD_US + 1
        if skipped < 1:
            return
        last_sent_boot_us = first_us + (skipped - 1) * PERIOD_US
        last_sent_us = clock.true_us(last_sent_boot_us)
        arrived_us = last_sent_us + latency_us
        arrived = server_clock.instant(arrived_us)
        date_us = max(self._authority.date_us, arrived.wall_us)
        self._trace.beats.add(
            i, skipped, node.number + 1, first_us, sends_us[1], last_sent_us, node.address
        )
        node.skip_polls(skipped, last_sent_boot_us, None if expires_us is None else expires_us - date_us)
        self._authority.renew_unseen(installation, arrived)
        self._skipped = max(self._skipped, (arrived_us, arrived.wall_us))
        self._arm(i)

    def _note_skipped_date(self) -> None:
        """Let the server have stored the date that the skipped polls would have left with it.

        All of them arrive before the next edge of the server, and within a stretch without edges its wall clock
        only goes forward: once the last of them has come, the latest date is that one's.
        """
        arrived_us, wall_us = self._skipped
        if NEVER < arrived_us <= self._now:
            self._authority.date_us = max(self._authority.date_us, wall_us)
            self._skipped = (NEVER, 0)


_POSITIVE = Ending.POSITIVE


def _ending_of(effect: Any) -> Ending | None:
    return effect.ending if type(effect) is Ended else None
