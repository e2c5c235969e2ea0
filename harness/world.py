"""One world: a server, its nodes, their clocks and the network, in simulated time.

Everything that happens is a callback on an int instant (`harness.agenda`), and at one instant the order is the timing
law's, never the accident of what was scheduled first. The world moves messages and writes the trace; what they mean is
the machines' business, and what happens to the server's machine is that of `harness.server_host`.

**Cruising.** A poll that can change nothing is counted, not simulated. When a node has just been granted, is at
rest, and nothing that concerns it changes before a known instant (`Plan.edge_after`, the licence's end, the end of
the run), then every poll whose whole round trip is over before that instant will be granted and change nothing:
both machines are told so at once (`Node.skip_polls`, `Authority.renew_unseen`), and the next poll that is simulated
is the first one that might be touched. Both machines then hold what they would have held after the last skipped
poll, some of it ahead of its time; that is safe because whoever could see the difference would be an edge.
``every_poll`` switches this off, and must give the same digest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from fake_fdl_nodes.node import PERIOD_US, Effect, Ended, Ending, Node, Send, Timer
from harness.agenda import Agenda, Part
from harness.clock import HostClock
from harness.cruise import stretch
from harness.faults import Happening, Phase, plan
from harness.network import Fate, Way
from harness.node_host import NodeHost
from harness.recorder import Recorder
from harness.scenario import Scenario, Verb
from harness.server_host import Outgoing, ServerHost, licence_of
from harness.systems import Ambient, Host, UnderTest
from harness.trace import COPY_HOST, SERVER_HOST, Spoilt, Trace
from harness.wires import Memory, ServerFactory, Wire, WireFactory, WithNetwork
from reference_server.authority import Authority
from reference_server.protocol import (
    SIMULATED_KEY,
    Answer,
    Grant,
    ProtocolError,
    Request,
    decode_request,
)
from reference_server.readings import Reading

__all__ = ["RANKS_FROM", "NodeFactory", "World", "run"]

NodeFactory: TypeAlias = Callable[..., Node]

#: Below this many nodes there is nothing to be gained by simulating them in rank.
RANKS_FROM = 500
#: Events about nodes or their paths; all others are about the server.
_OF_NODES = ("node", "answer")


class _Trip(NamedTuple):
    """The way of a request: from node ``i`` as ``source``, by the origin that its answer has to find again.

    ``life`` is that of the program which sent it, as `NodeHost.lives` counts them: its connection ends with it.
    """

    i: int
    number: int
    source: int
    origin: tuple[int, int | None, int | None]
    place: int
    life: int


def run(
    scenario: Scenario,
    reading: Reading,
    *,
    every_poll: bool = False,
    seed: int = 0,
    server: ServerFactory = Authority,
    node: NodeFactory = Node,
    wire: WireFactory = Memory,
    ranks_from: int = RANKS_FROM,
) -> Trace:
    """Play ``scenario`` under ``reading`` and return what happened.

    :param every_poll: simulate also the polls that can change nothing.
    :param seed: what the chance of the network is drawn from.
    :param server: makes the authorization server from a licence and a reading.
    :param node: makes a node, called like `Node`.
    :param wire: makes the way to the server.
    :param ranks_from: from so many nodes on they are simulated in rank, where that is exact (`harness.ranks`).
    """
    ours = server is Authority and node is Node and wire is Memory
    if ours and not every_poll and len(scenario.nodes) >= ranks_from:
        # Small worlds do without the library that columns need.
        from harness.ranks.mixed import in_rank

        def by_itself(some: Scenario, places: Sequence[int]) -> Trace:
            return World(some, reading, seed=seed, drawn_as=places).run()

        trace = in_rank(scenario, reading, by_itself, at_least=ranks_from)
        if trace is not None:
            return trace
    return World(scenario, reading, every_poll=every_poll, seed=seed, server=server, node=node, wire=wire).run()


class World:
    """One run of one scenario. See `run` for the parameters.

    ``drawn_as`` says, by node, as which node its chance is drawn, if not as itself.
    """

    def __init__(
        self,
        scenario: Scenario,
        reading: Reading,
        *,
        every_poll: bool = False,
        seed: int = 0,
        server: ServerFactory = Authority,
        node: NodeFactory = Node,
        wire: WireFactory = Memory,
        drawn_as: Sequence[int] | None = None,
    ) -> None:
        self._scenario = scenario
        self._plan = plan(scenario, seed=seed, drawn_as=drawn_as)
        self._network = self._plan.network
        self._addressing = self._plan.addressing
        self._new_wire: Callable[[], Wire] = lambda: wire(server, licence_of(scenario.licence_at(0)), reading)
        self._wires = [self._new_wire()]
        #: The network of a wire that has one. There is none that could be copied with the server.
        self._network_of_wire = self._wires[0] if isinstance(self._wires[0], WithNetwork) else None
        self._record = Recorder(scenario, sees_slots=self._wires[0].sees_slots)
        self._agenda = Agenda(scenario.duration_us)
        self._server = self._host(0)
        #: The server, and the copy of its machine if there is one.
        self._servers = [self._server]

        nodes = scenario.nodes
        timeout_us = scenario.network.timeout_us
        self._nodes = [node(setup, reading, timeout_us=timeout_us, key=SIMULATED_KEY) for setup in nodes]
        self._hosts = [
            NodeHost(i, each, nodes[i], scenario.server, clock, self._record, lambda: self._agenda.now, self._apply)
            for i, (each, clock) in enumerate(zip(self._nodes, self._plan.node_clocks, strict=True))
        ]
        self._place = {setup.name: i for i, setup in enumerate(nodes)}
        self._armed: list[tuple[int, Timer, int] | None] = [None] * len(nodes)
        #: Answers that a slow server still owes.
        self._held: dict[int, tuple[_Trip, Outgoing]] = {}
        self._holds = 0
        self._under_test: list[UnderTest] = []
        self._ambient: Ambient | None = None
        for host in self._hosts:
            self._bring_to_life(host.place, host.node, host.clock)
        self._bring_to_life(SERVER_HOST, self._wires[0], self._plan.server_clock)
        # Skipping is proven for the reference machines alone; anybody else's are asked every time.
        in_memory = self._wires[0].authority if type(self._wires[0]) is Memory else None
        provable = type(in_memory) is Authority and all(type(each) is Node for each in self._nodes)
        self._cruises = provable and not every_poll
        #: Nodes that share their installation id with another, which may claim their slot at any poll, or that count on
        #: from an earlier number once.
        copied = {setup.clone_of for setup in nodes if setup.clone_of}
        for event in scenario.events:
            copied |= set(event.nodes) if event.verb is Verb.NODE_ROLLBACK else set()
        self._shared = frozenset(i for i, setup in enumerate(nodes) if setup.clone_of or setup.name in copied)

    def run(self) -> Trace:
        """Play the whole scenario, from 0 to its duration, both included."""
        try:
            self._server.begin()
            for host in self._hosts:
                host.begin()
            for happening in self._plan.happenings:
                self._agenda.at(happening.at_us, happening.phase, (happening.order,), self._happen, happening)
            self._agenda.run()
            trace = self._record.finish(self._nodes)
        finally:
            for each in self._wires:
                each.close()
        troubles = [trouble for each in self._under_test for trouble in each.troubles]
        trace.troubles = sorted(troubles, key=lambda trouble: trouble.at_us)
        return trace

    def _bring_to_life(self, place: int, part: object, clock: HostClock) -> None:
        """Give a system under test its host, whose clocks it sees."""
        if isinstance(part, UnderTest):
            self._ambient = self._ambient or Ambient()
            host = Host(place, clock, lambda: self._agenda.now, self._ambient)
            self._record.watchers[place] = host.happened
            self._under_test.append(part)
            part.live_on(host)

    def _host(self, place: int) -> ServerHost:
        """Return the machine of a server, the latest wire leading to it."""
        parts = (self._scenario, self._plan, self._wires[-1], self._record, self._agenda)
        return ServerHost(*parts, on_end=lambda: self._end_held(place), place=place)

    # Events of the scenario.

    def _happen(self, happening: Happening) -> None:
        verb = happening.verb
        if verb is Verb.TLS_TRUST or verb.value.partition(".")[0] in _OF_NODES:
            self._happen_to_nodes(happening)
        elif verb is Verb.SERVER_CLONE and happening.phase is not Phase.IMAGE:
            self._clone_server(happening)
        else:
            # A new licence file is brought to every machine that has the licence.
            for server in self._servers if verb.value.startswith("licence.") else self._servers[:1]:
                server.happen(happening)

    def _happen_to_nodes(self, happening: Happening) -> None:
        event = happening.event
        for k, i in enumerate(self._meant(happening)):
            host = self._hosts[i]
            if event is None:
                host.register()
            elif happening.phase is Phase.IMAGE:
                host.take_image(event.index)
            elif happening.verb is Verb.NODE_CLONE:
                assert event.of is not None, "a copy has an original"
                self._hosts[self._place[event.of]].copy_to(host, event.index)
            else:
                host.happen(happening.verb, event, k)

    def _clone_server(self, happening: Happening) -> None:
        if happening.phase is Phase.END or len(self._servers) > 1:
            self._servers[1].switch_off()
            return
        assert happening.event is not None, "an event of the scenario"
        self._wires.append(self._new_wire())
        self._bring_to_life(COPY_HOST, self._wires[1], self._plan.server_clock)
        self._servers.append(self._host(1))
        self._server.copy_to(self._servers[1], happening.event.index)

    def _meant(self, happening: Happening) -> Sequence[int]:
        """Return the nodes that an event means now: a fault's end those that it took down, else by status."""
        event = happening.event
        if event is None or happening.phase is Phase.IMAGE:
            return happening.nodes
        if happening.phase is Phase.END and event.verb is not happening.verb:
            return [i for i in happening.nodes if self._hosts[i].down_by == event.index]
        if event.only is None:
            return happening.nodes
        return [i for i in happening.nodes if self._nodes[i].status.value == event.only]

    # A request on its way up.

    def _send(self, host: NodeHost, send: Send) -> None:
        i, node, now = host.place, host.node, self._agenda.now
        said = host.said(send.request)
        reported, form = 0, 0
        try:
            reported = (decode_request(said) if isinstance(said, bytes) else said).address
        except ProtocolError as error:
            form = int(error.code)
        target = host.target(self._addressing)
        fate = self._network.fate(i, Way.UP, now, number=node.number, port=self._scenario.server.port)
        source = node.address if fate.source is None else fate.source
        forward = None if target is None or self._addressing.plain else self._addressing.forward(target, now)
        if forward is not None and forward.hairpin:
            source = forward.address
        delays_us = fate.delays_us if target is not None else ()
        lost = not delays_us and not (fate.rejected and target is not None)
        place = self._record.sent(now, i, node, send, reported=reported, source=source, form=form, lost=lost)
        if target is not None and self._network_of_wire is not None:
            self._let_happen(self._network_of_wire, fate, node.address, said)
        trip = _Trip(i, node.number, source, self._origin(i, target), place, host.lives)
        order = (now, i, node.number)
        if fate.rejected and target is not None:
            self._record.rejected(place)
            # Whatever the Server Address is, the firewall that answers for it is there.
            refused = trip._replace(origin=self._origin(i, None))
            after_us = self._network.latency_us
            self._agenda.at(now + after_us, Part.SERVER_ARRIVAL, order, self._answer, refused, Outgoing(None))
        for delay_us in delays_us:
            host.arrives_us = max(host.arrives_us, now + delay_us)
            args = (trip, target, said, fate.damaged, now)
            self._agenda.at(now + delay_us, Part.SERVER_ARRIVAL, order, self._arrive, *args)

    def _let_happen(self, network: WithNetwork, fate: Fate, address: int, said: Request | bytes) -> None:
        """Let the network of the wire do with a request what its fate is."""
        if fate.rejected:
            network.reject(address)
        elif not fate.delays_us:
            network.lose(address, Way.UP)
        elif fate.delays_us[0] != self._network.latency_us:
            network.hold(address, said)

    def _origin(self, i: int, target: int | None) -> tuple[int, int | None, int | None]:
        """Return what has to be the same still for an answer to find its way back."""
        return self._nodes[i].address, self._network.translation(i, self._agenda.now), target

    def _arrive(self, trip: _Trip, target: int, request: Request | bytes, damaged: bool, sent_us: int) -> None:
        now = self._agenda.now
        reached = 0 if self._addressing.plain else self._addressing.reaches(target, now)
        if reached is None:
            self._record.astray(trip.place)
            return
        server = self._servers[reached]
        outgoing = server.receive(
            request,
            trip.source,
            trip.place,
            sender=trip.origin[0],
            number=trip.number,
            trusted=self._hosts[trip.i].trusts(server.certificate, target),
            damaged=damaged,
        )
        if outgoing is None:
            return
        if outgoing.answer is not None and server.slow_us and server.runs:
            self._holds += 1
            self._held[self._holds] = (trip, outgoing)
            order = (sent_us, trip.i, trip.number)
            self._agenda.at(now + server.slow_us, Part.SERVER_ARRIVAL, order, self._release, self._holds)
            return
        self._answer(trip, outgoing)

    # An answer on its way down.

    def _release(self, key: int) -> None:
        """A slow server sends an answer, unless it has ended or cannot."""
        held = self._held.pop(key, None)
        if held is None:
            return
        if self._servers[self._record.server(held[0].place)].frozen:
            self._record.answer_lost(held[0].place)
        else:
            self._answer(*held)

    def _end_held(self, place: int) -> None:
        """A server's program ends, and with it the connections of those that still wait for an answer."""
        for key, (trip, _) in list(self._held.items()):
            if self._record.server(trip.place) == place:
                del self._held[key]
                self._answer(trip, Outgoing(None, Spoilt.BROKEN))

    def _answer(self, trip: _Trip, outgoing: Outgoing) -> None:
        """Let an answer, or the news of a failed connection, leave for the node."""
        i, now = trip.i, self._agenda.now
        answer, spoilt = outgoing
        port = self._scenario.server.port
        refused_by_firewall = trip.origin[2] is None
        fate = self._network.fate(i, Way.DOWN, now, number=trip.number, port=port, from_firewall=refused_by_firewall)
        # The answer goes to the address that asked; a node that has moved away is not there any more.
        stray = self._origin(i, trip.origin[2]) != trip.origin
        if trip.origin[2] is not None and not self._addressing.plain:
            stray = stray or self._addressing.reaches(trip.origin[2], now) != self._record.server(trip.place)
        if not fate.delays_us and self._network_of_wire is not None:
            self._network_of_wire.lose(trip.origin[0], Way.DOWN)
        if not fate.delays_us or stray:
            self._record.answer_lost(trip.place)
            return
        if answer is not None:
            answer, spoilt = (None, Spoilt.BROKEN) if fate.damaged else self._hosts[i].spoilt(answer)
        for delay_us in fate.delays_us:
            args = (trip, answer, spoilt)
            self._agenda.at(now + delay_us, Part.NODE_ARRIVAL, (now, i, trip.number), self._deliver, *args)

    def _deliver(self, trip: _Trip, answer: Answer | None, spoilt: Spoilt) -> None:
        """An answer, or the news of a failed connection (``None``), reaches the host of the node that asked."""
        host, number, now = self._hosts[trip.i], trip.number, self._agenda.now
        if not host.awake or host.lives != trip.life:
            return
        self._record.delivered(now, trip.place, spoilt)
        if spoilt is Spoilt.GARBAGE:
            return
        instant = host.clock.instant(now)
        if answer is None:
            effects = host.node.connection_refused(number, instant)
        else:
            effects = host.node.answer(answer, instant)
        self._apply(host, effects)
        granted = isinstance(answer, Grant) and Ended(number, Ending.POSITIVE) in effects
        if granted and self._cruises and trip.i not in self._shared:
            self._cruise(host)

    # What a node does.

    def _apply(self, host: NodeHost, effects: Sequence[Effect]) -> None:
        """Carry out what a node wants and arm its next timer."""
        i, now = host.place, self._agenda.now
        for effect in effects:
            if isinstance(effect, Send):
                self._send(host, effect)
            else:
                self._record.effect(now, i, effect)
        self._record.access(now, i, host.node.access and not host.suspended)
        self._arm(host)

    def _arm(self, host: NodeHost) -> None:
        i, timers = host.place, [] if host.suspended else host.node.timers()
        if not timers:
            self._armed[i] = None
            return
        now, true_us = self._agenda.now, host.clock.true_us
        armed = min((max(now, true_us(due_us)), kind, due_us) for due_us, kind in timers)
        kind = armed[1]
        if armed != self._armed[i]:
            self._armed[i] = armed
            self._agenda.at(armed[0], Part.TIMERS + kind, (i,), self._fire, host, kind, armed)

    def _fire(self, host: NodeHost, kind: Timer, armed: tuple[int, Timer, int]) -> None:
        if self._armed[host.place] != armed:
            return
        self._armed[host.place] = None
        now, due_us, clock = self._agenda.now, armed[2], host.clock
        if clock.true_us(due_us) == now:
            # A timer is handled as if at its due instant, which the clock may have passed within this tick.
            instant = clock.instant_of(due_us, now)
        else:
            instant = clock.instant(now)
        self._apply(host, host.node.fire(kind, instant))

    # Cruising.

    def _finds_server(self, host: NodeHost) -> bool:
        """Tell whether the next polls of a node go where its last one went, as long as no edge comes."""
        if self._addressing.plain:
            return True
        address = host.points_to
        return address is not None and address == self._addressing.server(self._agenda.now)

    def _cruise(self, host: NodeHost) -> None:
        """Skip the polls of a node that can change nothing, after it was granted and is at rest."""
        self._server.note_skipped_date()
        authority = self._server.cruising
        i, node, scenario, now = host.place, host.node, self._scenario, self._agenda.now
        clock, server_clock = host.clock, self._server.clock
        installation = scenario.nodes[i].installation
        first_us = node.poll_due_us
        assert first_us is not None, "a node that was just granted polls"
        # Whatever has changed since the server granted would be seen by the next poll: do not cruise past it.
        if (
            authority is None
            or not server_clock.steady(now)
            or authority.holder_address(installation) != node.address
            or not self._network.clean(i, now)
            or not self._finds_server(host)
            or host.spoils
            or host.reports
            or host.arrives_us > now
        ):
            return
        assert node.contact_us is not None, "a node that was just granted has had contact"
        changed_us = self._plan.edge_after(i, clock.true_us(node.contact_us))
        if changed_us is not None and changed_us <= now:
            return  # Since the request was sent.
        edge_us = self._plan.edge_after(i, now)
        until_us = scenario.duration_us if edge_us is None else min(edge_us - 1, scenario.duration_us)
        expires_us = self._server.expires_us
        if expires_us is not None:
            # Leave the last polls before the licence ends, by the server's date, to be simulated.
            safe_us = expires_us - 3 * PERIOD_US
            if authority.date_us >= safe_us:
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
        date_us = max(authority.date_us, arrived.wall_us)
        remaining_us = None if expires_us is None else expires_us - date_us
        self._record.beats(i, node, first_us, skipped)
        node.skip_polls(skipped.polls, skipped.last_sent_boot_us, remaining_us)
        authority.renew_unseen(installation, arrived)
        self._server.skipped(skipped.last_arrived_us, arrived.wall_us)
        self._arm(host)
