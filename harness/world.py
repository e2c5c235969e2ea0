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

from fake_fdl_nodes.node import PERIOD_US, Effect, Ended, Ending, Node, Send, Timer
from harness.cruise import stretch
from harness.faults import Happening, Phase, plan
from harness.network import Way
from harness.recorder import Recorder
from harness.scenario import Scenario, Verb
from harness.trace import NEVER, SERVER_HOST, EdgeKind, Trace
from reference_server.authority import Authority, Power
from reference_server.licence import Licence
from reference_server.protocol import (
    SIMULATED_KEY,
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
        self._record = Recorder(scenario)
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
        self._nodes = [node(setup, reading, timeout_us=timeout_us, key=SIMULATED_KEY) for setup in scenario.nodes]
        self._clocks = self._plan.node_clocks
        self._down_by: list[int | None] = [None] * len(self._nodes)
        self._suspended = bytearray(len(self._nodes))
        self._armed: list[tuple[int, Timer, int] | None] = [None] * len(self._nodes)
        # Skipping is proven for the reference machines alone; anybody else's are asked every time.
        self._cruises = not every_poll and type(self._authority) is Authority
        self._cruises = self._cruises and all(type(each) is Node for each in self._nodes)

    def run(self) -> Trace:
        """Play the whole scenario, from 0 to its duration, both included."""
        # A clock that is stepped at 0 was wrong from the start: nobody has ever seen it right.
        self._start_server(self._plan.server_clock.instant(0), 0)
        for i in range(len(self._nodes)):
            self._apply(i, self._nodes[i].start(self._clocks[i].instant(0)))
        for happening in self._plan.happenings:
            self._at(happening.at_us, happening.phase, (happening.order,), self._happen, (happening,))
        self._env.run(until=self._scenario.duration_us + 1)
        return self._record.finish(self._nodes)

    # The agenda: callbacks on int instants, in the timing law's order within one.

    def _at(
        self, at_us: int, phase: int, order: tuple[int, ...], call: Callable[..., None], args: tuple[Any, ...]
    ) -> None:
        if at_us > self._scenario.duration_us:
            return
        bucket = self._agenda.get(at_us)
        if bucket is None:
            bucket = self._agenda[at_us] = []
            tick = self._env.timeout(at_us - self._now)
            assert tick.callbacks is not None, "a timeout that was just made has not happened"
            tick.callbacks.append(self._play)
        round_ = 0
        if at_us == self._now:
            # What belongs to a part of this instant that is over is done in the next round.
            round_, over = self._round_and_phase
            round_ += phase <= over
        heapq.heappush(bucket, (round_, phase, order, next(self._tiebreak), call, args))

    def _play(self, event: simpy.Event) -> None:
        self._now = int(self._env.now)
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
                self._record.edge(now, SERVER_HOST, EdgeKind.RESUMED)
            elif verb is Verb.SERVER_START and not self._server_suspended:
                self._server_down = None
                self._start_server(self._plan.server_clock.instant_before_steps(now), now - down[1])
        elif verb is Verb.SERVER_DESTROY:
            self._record.slots(self._now, self._authority.destroy())
            self._server_down = down or (event.index, now)
            self._record.edge(now, SERVER_HOST, EdgeKind.DESTROYED)
        elif down is None:
            self._server_down = (event.index, now)
            if verb is Verb.SERVER_SUSPEND:
                self._server_suspended = True
            else:
                self._authority.stop(self._plan.server_clock.instant(now))
            self._record.edge(now, SERVER_HOST, _DOWN_EDGE[verb])
        self._arm_void()

    def _start_server(self, now: Instant, downtime_us: int) -> None:
        self._record.slots(self._now, self._authority.start(now, downtime_us=downtime_us))
        done = self._authority.power is Power.RUNNING
        self._record.edge(self._now, SERVER_HOST, EdgeKind.STARTED, done=done)
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
        else:
            return  # Lifted before its time was up.
        suspended = bool(self._licence_suspensions)
        edge = EdgeKind.LICENCE_SUSPENDED if suspended else EdgeKind.LICENCE_RESUMED
        self._record.edge(now, SERVER_HOST, edge)
        self._authority.use(replace(self._licence, suspended=suspended))

    def _node_event(self, happening: Happening, i: int, k: int) -> None:
        event, verb, node, now = happening.event, happening.verb, self._nodes[i], self._now
        clock = self._clocks[i]
        awake = node.running and not self._suspended[i]
        edge = self._record.edge
        if verb is Verb.NODE_REGISTER:
            edge(now, i, EdgeKind.REGISTER_ASKED, done=awake)
            if awake:
                self._apply(i, node.register(clock.instant(now)))
        elif verb is Verb.NODE_UNBIND:
            edge(now, i, EdgeKind.UNBIND_ASKED, done=awake)
            if awake:
                self._apply(i, node.unbind(clock.instant(now)))
        elif verb is Verb.NODE_MOVE:
            assert event is not None
            assert event.address is not None
            node.address = event.address + k
            edge(now, i, EdgeKind.MOVED, value=node.address)
        elif verb is Verb.NODE_START:
            if self._suspended[i] or node.running:
                return
            self._down_by[i] = None
            edge(now, i, EdgeKind.STARTED)
            self._apply(i, node.start(clock.instant_before_steps(now)))
        elif verb is Verb.NODE_RESUME:
            if not self._suspended[i]:
                return
            self._down_by[i] = None
            self._suspended[i] = False
            edge(now, i, EdgeKind.RESUMED)
            self._apply(i, node.resume(clock.instant_before_steps(now)))
        elif awake:
            assert event is not None
            self._down_by[i] = event.index
            edge(now, i, _DOWN_EDGE[verb])
            if verb is Verb.NODE_SUSPEND:
                self._suspended[i] = True
            self._apply(i, [] if verb is Verb.NODE_SUSPEND else node.stop())

    # A request on its way up, an answer on its way down.

    def _send(self, i: int, send: Send) -> None:
        node, now = self._nodes[i], self._now
        request: Request | Malformed
        try:
            request = decode_request(send.request) if isinstance(send.request, bytes) else send.request
            reported, form = request.address, 0
        except ProtocolError as error:
            request = Malformed(code=error.code, reason=error.reason)
            reported, form = 0, int(error.code)
        lost = self._network.loses(i, Way.UP, now)
        place = self._record.sent(now, i, node, send, reported=reported, form=form, lost=lost)
        if not lost:
            arrival_us = now + self._network.latency_us
            args = (i, node.number, node.address, request, place)
            self._at(arrival_us, _SERVER_ARRIVAL, (now, i, node.number), self._arrive, args)

    def _arrive(self, i: int, number: int, source: int, request: Request | Malformed, place: int) -> None:
        if self._server_suspended:
            return
        now = self._now
        self._record.arrived(now, place)
        answer: Answer | None = None
        if self._authority.power is Power.RUNNING:
            self._note_skipped_date()
            reply = self._authority.handle(request, source, self._plan.server_clock.instant(now))
            self._record.slots(now, reply.changes)
            self._arm_void()
            answer = reply.answer
            self._record.answered(place, answer)
            if answer is None:
                return
            if isinstance(answer, Refusal) and answer.number == 0:
                # The server could not read the number, but the connection tells which request it answers.
                answer = replace(answer, number=number)
        # The answer goes to the address that asked; a node that has moved away is not there any more.
        if self._network.loses(i, Way.DOWN, now) or self._nodes[i].address != source:
            self._record.answer_lost(place)
            return
        arrival_us = now + self._network.latency_us
        self._at(arrival_us, _NODE_ARRIVAL, (now, i, number), self._deliver, (i, number, answer, place))

    def _deliver(self, i: int, number: int, answer: Answer | None, place: int) -> None:
        """An answer, or the news of a refused connection (``None``), reaches the host of node ``i``."""
        node, now = self._nodes[i], self._now
        if self._suspended[i] or not node.running:
            return
        self._record.delivered(now, place)
        instant = self._clocks[i].instant(now)
        if answer is None:
            effects = node.connection_refused(number, instant)
        else:
            effects = node.answer(answer, instant)
        self._apply(i, effects)
        if self._cruises and isinstance(answer, Grant) and Ended(number, Ending.POSITIVE) in effects:
            self._cruise(i)

    # What a node does.

    def _apply(self, i: int, effects: Sequence[Effect]) -> None:
        """Carry out what node ``i`` wants and arm its next timer."""
        node, now = self._nodes[i], self._now
        for effect in effects:
            if isinstance(effect, Send):
                self._send(i, effect)
            else:
                self._record.effect(now, i, effect)
        self._record.access(now, i, node.access and not self._suspended[i])
        self._arm(i)

    def _arm(self, i: int) -> None:
        timers = [] if self._suspended[i] else self._nodes[i].timers()
        if not timers:
            self._armed[i] = None
            return
        now, true_us = self._now, self._clocks[i].true_us
        armed = min((max(now, true_us(due_us)), kind, due_us) for due_us, kind in timers)
        kind = armed[1]
        if armed != self._armed[i]:
            self._armed[i] = armed
            self._at(armed[0], _TIMERS + kind, (i,), self._fire, (i, kind, armed))

    def _fire(self, i: int, kind: Timer, armed: tuple[int, Timer, int]) -> None:
        if self._armed[i] != armed:
            return
        self._armed[i] = None
        now, due_us, clock = self._now, armed[2], self._clocks[i]
        if clock.true_us(due_us) == now:
            # A timer is handled as if at its due instant, which the clock may have passed within this tick.
            instant = clock.instant_of(due_us, now)
        else:
            instant = clock.instant(now)
        self._apply(i, self._nodes[i].fire(kind, instant))

    # What the server does.

    def _arm_void(self) -> None:
        """Look at the slots again when the next one might be void."""
        due_us = self._authority.next_void_us()
        if due_us is None:
            self._void_at = None
            return
        at_us = max(self._now, self._plan.server_clock.true_us(due_us))
        # A cruising node's slot is renewed ahead of its time, so a newer slot can be due before it.
        if self._void_at is None or at_us < self._void_at:
            self._void_at = at_us
            self._at(at_us, _VOID, (), self._void, (at_us,))

    def _void(self, armed_us: int) -> None:
        if self._void_at != armed_us:
            return
        self._void_at = None
        self._record.slots(self._now, self._authority.expire(self._plan.server_clock.boot_us(self._now)))
        self._arm_void()

    # Cruising.

    def _cruise(self, i: int) -> None:
        """Skip the polls of node ``i`` that can change nothing, after it was granted and is at rest."""
        node, scenario, now = self._nodes[i], self._scenario, self._now
        clock, server_clock = self._clocks[i], self._plan.server_clock
        installation = scenario.nodes[i].installation
        self._note_skipped_date()
        first_us = node.poll_due_us
        assert first_us is not None, "a node that was just granted polls"
        # Whatever has changed since the server granted would be seen by the next poll: do not cruise past it.
        if (
            self._authority.power is not Power.RUNNING
            or self._server_suspended
            or self._licence_suspensions
            or not server_clock.steady(now)
            or self._authority.holder_address(installation) != node.address
            or self._network.loses(i, Way.UP, now)
            or self._network.loses(i, Way.DOWN, now)
        ):
            return
        edge_us = self._plan.edge_after(i, now)
        until_us = scenario.duration_us if edge_us is None else min(edge_us - 1, scenario.duration_us)
        expires_us = self._licence.expires_us
        if expires_us is not None:
            # Leave the last polls before the licence ends, by the server's date, to be simulated.
            safe_us = expires_us - 3 * PERIOD_US
            if self._authority.date_us >= safe_us:
                return
            until_us = min(until_us, server_clock.true_us(safe_us - server_clock.offset_us(now)) - 1)
        skipped = stretch(
            clock,
            server_clock,
            first_boot_us=first_us,
            until_us=until_us,
            latency_us=self._network.latency_us,
            timeout_us=scenario.network.timeout_us,
        )
        if skipped is None:
            return
        arrived = server_clock.instant(skipped.last_arrived_us)
        date_us = max(self._authority.date_us, arrived.wall_us)
        remaining_us = None if expires_us is None else expires_us - date_us
        self._record.beats(i, node, first_us, skipped)
        node.skip_polls(skipped.polls, skipped.last_sent_boot_us, remaining_us)
        self._authority.renew_unseen(installation, arrived)
        self._skipped = max(self._skipped, (skipped.last_arrived_us, arrived.wall_us))
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
