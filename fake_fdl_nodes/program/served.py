"""The nodes of this machine while their pages are served: they run, poll, and do what is pressed.

A node runs from its first registration on, as under ``fdl-node run``. Each registration starts it anew, since its
server, or its own address, may be another one then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from fake_fdl_nodes.page import Attempt, Complaint, Member
from fake_fdl_nodes.program.administration import NotAskedError
from fake_fdl_nodes.program.pages import Installed, look, outcome
from fake_fdl_nodes.program.registering import as_before, known, runner_of
from fake_fdl_nodes.program.running import Runner
from fake_fdl_nodes.program.state_file import Kept, StateError, now

__all__ = ["COMPLAINTS", "ServedNodes"]

#: What a page says if a node cannot be asked.
NO_HOST = "found {found}, whose host is not known to this machine, expected the address of the authorization server"
CANNOT = "the node cannot do that: {found}"
COMPLAINTS = (NO_HOST, CANNOT)


class _Running(NamedTuple):
    runner: Runner
    task: asyncio.Task[None]


class ServedNodes:
    """The nodes whose pages are served.

    :param nodes: how they are installed; no other program uses their state files.
    :param tell: told what happens, a line at a time.
    :param troubled: told what has ended the program of a node, other than being told to end.
    :param poll_seconds: how often they poll, if not every two hours.
    """

    def __init__(
        self,
        nodes: Sequence[Installed],
        tell: Callable[[str], None],
        troubled: Callable[[BaseException], None],
        *,
        poll_seconds: float | None = None,
    ) -> None:
        self._nodes = nodes
        self._tell = tell
        self._troubled = troubled
        self._poll_seconds = poll_seconds
        self._running: dict[str, _Running] = {}

    def start(self) -> None:
        """Start the nodes that have been registered before.

        :raises StateError: if a state file is damaged.
        :raises OSError: if a certificate or a state file cannot be used.
        """
        for node in self._nodes:
            kept = known(node.path)
            if kept is not None:
                runner = runner_of(node.path, kept, self._tell, poll_seconds=self._poll_seconds)
                runner.start()
                self._go_on(node, runner)

    async def close(self) -> None:
        """End the nodes."""
        for node in self._nodes:
            await self._end(node)

    # What the pages ask for.

    def members(self) -> list[Member]:
        """Return each node as the pages show it."""
        members = []
        for node in self._nodes:
            running = self._running.get(node.name)
            members += look([node]) if running is None else [Member.of(node.name, running.runner.node.saved())]
        return members

    async def register(self, server: str) -> list[Attempt]:
        """Register each node, in order: each has a slot of its own, and an answer of its own (R105).

        :raises NotAskedError: if one of them cannot be; then none is, unless what hinders it came up meanwhile.
        """
        try:
            # To find the address of a host takes its time.
            fresh = [await asyncio.to_thread(node.registering, server) for node in self._nodes]
        except OSError:
            raise NotAskedError(Complaint("Server Address", NO_HOST, repr(server))) from None
        except (StateError, ValueError) as error:
            raise NotAskedError(Complaint("", CANNOT, str(error))) from None
        return [await self._register(node, new) for node, new in zip(self._nodes, fresh, strict=True)]

    async def unbind(self, name: str) -> list[Attempt]:
        """Have the node ``name`` give its slot back.

        :raises NotAskedError: if it cannot be asked to.
        """
        with _refusing():
            if name not in self._running:
                raise StateError(f"{name} has ended; register it again")
            runner = self._running[name].runner
            return [outcome(name, await runner.ask(lambda node: node.unbind(now())), runner.node)]

    # Inside.

    async def _register(self, node: Installed, new: Kept) -> Attempt:
        await self._end(node)
        with _refusing():
            runner = runner_of(node.path, as_before(new, node.path), self._tell, poll_seconds=self._poll_seconds)
            runner.start()
            asked = runner.ask(lambda node: node.register(now()))
            self._go_on(node, runner)
            return outcome(node.name, await asked, runner.node)

    def _go_on(self, node: Installed, runner: Runner) -> None:
        task = asyncio.get_running_loop().create_task(runner.go_on())
        task.add_done_callback(self._ended)
        self._running[node.name] = _Running(runner, task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._troubled(error)

    async def _end(self, node: Installed) -> None:
        running = self._running.pop(node.name, None)
        if running is not None:
            running.runner.end()
            # What has ended it was told when it did.
            await asyncio.wait([running.task])


@contextmanager
def _refusing() -> Iterator[None]:
    """Have the page say what keeps a node from being asked."""
    try:
        yield
    except (OSError, StateError) as error:
        raise NotAskedError(Complaint("", CANNOT, str(error))) from None
