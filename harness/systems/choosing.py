"""Which systems a run tests: its caller's, else its scenario's, else the reference ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from fake_fdl_nodes.fleet import NodeSetup
from fake_fdl_nodes.node import Node
from harness.problems import Mistake, Problem, ScenarioError
from harness.scenario import Scenario
from harness.systems.ambient import Host
from harness.systems.loading import Kind, System, found_in, makes_authority, once, system_of
from harness.trace import Trouble
from harness.wires import Memory, ServerFactory, Wire, WireFactory
from reference_server.authority import Authority
from reference_server.licence import Licence
from reference_server.readings import Reading

__all__ = ["Choice", "Chosen", "UnderTest", "check", "choose"]

#: What a caller can give: a name, or a class or factory itself. ``None`` leaves it to the scenario.
Choice: TypeAlias = str | Callable[..., Any] | None


@runtime_checkable
class UnderTest(Protocol):
    """A part of a world that is somebody else's code: it lives on a host, and may have troubles."""

    troubles: list[Trouble]

    def live_on(self, host: Host) -> None:
        """Begin to be, on ``host``."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The systems of one run; what is not named in it is the reference one.

    ``in_memory`` says that the server is an `Authority`. ``nodes`` has the system of each node, by the node's name.
    """

    server: System | None = None
    in_memory: bool = False
    nodes: dict[str, System] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What is under test, for reports: "server a:b", "node c:d"."""
        nodes = dict.fromkeys(f"node {each.name}" for each in self.nodes.values())
        return (*(() if self.server is None else (f"server {self.server.name}",)), *nodes)

    @contextmanager
    def at_hand(self) -> Iterator[None]:
        """Let the modules of the systems be found."""
        if not self.names:
            yield
            return
        with found_in(self.folders):
            yield

    @property
    def wire(self) -> WireFactory:
        """What makes the way to the server."""
        return Memory if self.server is None else self._wire

    @property
    def node(self) -> Callable[..., Any]:
        """What makes a node."""
        return self._node if self.nodes else Node

    def _wire(self, server: ServerFactory, licence: Licence, reading: Reading) -> Wire:
        assert self.server is not None, "the reference server has a wire of its own"
        # What speaks HTTP is imported when it is needed.
        if self.in_memory:
            from harness.systems.machine import MachineUnderTest

            return MachineUnderTest(self.server, licence, reading)
        from harness.systems.server import ServerUnderTest

        return ServerUnderTest(self.server, licence, reading)

    def _node(self, setup: NodeSetup, reading: Reading, *, timeout_us: int, key: bytes) -> Any:
        system = self.nodes.get(setup.name)
        if system is None:
            return Node(setup, reading, timeout_us=timeout_us, key=key)
        from harness.systems.node import NodeUnderTest

        return NodeUnderTest(system, setup, reading, timeout_us=timeout_us, key=key)


def check(name: str, kind: Kind) -> None:
    """Raise a `Mistake` if ``name``, looked up from the working folder, makes no server, or no node."""
    _need_freezegun()
    system_of(name, kind, (Path.cwd(),))


def _need_freezegun() -> None:
    if find_spec("freezegun") is None:
        raise Mistake("a system under test without freezegun", "it to be installed: pip install 'fdl-harness[systems]'")


def choose(scenario: Scenario, server: Choice = None, node: Choice = None) -> Chosen:
    """Return the systems that a run of ``scenario`` tests: the caller's, else the scenario's, else none.

    :param server: a name, or what makes the server.
    :param node: a name, or what makes each node.
    :raises Mistake: if the caller's are none, or freezegun is not installed.
    :raises ScenarioError: if the scenario's are none.
    """
    given = scenario.server
    if server is None and node is None and given.use is None and not scenario.node_uses:
        return Chosen()
    _need_freezegun()
    here = Path.cwd()
    own = here if scenario.file.startswith("<") else Path(scenario.file).parent
    problems: list[Problem] = []

    def of_scenario(use: str, kind: Kind, place: tuple[int, int], key: str) -> System | None:
        try:
            return system_of(use, kind, (own, here))
        except Mistake as error:
            line, column = place
            found, expected = error.found, error.expected
            problem = Problem(file=scenario.file, line=line, column=column, key=key, found=found, expected=expected)
            problems.append(problem)
            return None

    chosen = None
    if server is not None and server is not Authority:
        chosen = system_of(server, "server", (here, own))
    elif server is None and given.use is not None:
        chosen = of_scenario(given.use, "server", given.place, "server.use")
    in_memory = chosen is not None and makes_authority(chosen.factory())
    nodes: dict[str, System] = {}
    if node is not None and node is not Node:
        every = once(system_of(node, "node", (here, own)))
        nodes = {each.name: every for each in scenario.nodes}
    elif node is None:
        for use in scenario.node_uses:
            one = of_scenario(use.use, "node", use.place, f"nodes[{use.index}].use")
            if one is not None:
                nodes |= dict.fromkeys(use.nodes, once(one))
    if problems:
        raise ScenarioError(problems)
    folders = (here, own) if server is not None else (own, here)
    return Chosen(server=chosen, in_memory=in_memory, nodes=nodes, folders=folders)
