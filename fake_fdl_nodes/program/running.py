"""Drives one node on this machine's clocks: its timers, its requests over HTTPS, its state file.

The node says what it waits for, and this module waits: for that, for an answer, or for the order to end. What the node
has become is saved before anything is sent, so that a number is never used twice.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from fake_fdl_nodes.failures import described
from fake_fdl_nodes.node import Changed, Effect, Ended, Ending, Failed, Node, Send
from fake_fdl_nodes.program.client import Client, NotConnectedError
from fake_fdl_nodes.program.state_file import Kept, boot_id, now, save
from reference_server.protocol import Answer, Instant

__all__ = ["Runner"]

#: The longest wait in one piece, so that a suspension of the host is noticed soon after, in seconds.
_LONGEST_WAIT = 30.0
#: A host slept if its boot-time clock gained this much on its monotonic one, in microseconds.
_SLEPT_US = 1_000_000


class Runner:
    """One run of a node program.

    :param path: the state file.
    :param kept: what it held, or what a new node is.
    :param tell: told what happens, a line at a time.
    """

    def __init__(self, node: Node, client: Client, path: Path, kept: Kept, tell: Callable[[str], None]) -> None:
        self.node = node
        self._client = client
        self._path = path
        self._kept = kept
        self._tell = tell
        self._boot = boot_id()
        self._request: asyncio.Task[Answer | None] | None = None
        self._number = 0
        self._ending: Ending | None = None
        self._told_to_end = False
        #: Set by whatever the run has to look at before the next timer.
        self._stirred = asyncio.Event()
        #: Who waits for the ending of a request, by its number.
        self._waiting: dict[int, asyncio.Future[Ending]] = {}

    async def run(self, ask: Callable[[Node], list[Effect]], *, once: bool) -> Ending | None:
        """Start the node, do what ``ask`` says, and go on until told to end, or ``once``: until that is answered.

        Return how the last request ended, ``None`` if there was none.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.end)
        self.start()
        self._carry_out(ask(self.node))
        await self.go_on(once=once)
        return self._ending

    def start(self) -> None:
        """Start the node. What it waits for comes when it goes on."""
        self._carry_out(self.node.start(now()))

    def ask(self, ask: Callable[[Node], list[Effect]]) -> asyncio.Future[Ending]:
        """Have the node, which has been started, ask for something, and return what will tell how that ends.

        :raises OSError: if the state file cannot be written; then nothing is sent.
        """
        self._carry_out(ask(self.node))
        assert self.node.outstanding is not None, "a running node asks"
        asked = asyncio.get_running_loop().create_future()
        self._waiting[self.node.outstanding.number] = asked
        self._stirred.set()
        return asked

    def end(self) -> None:
        """Tell it to end."""
        self._told_to_end = True
        self._stirred.set()

    async def go_on(self, *, once: bool = False) -> None:
        """Do what comes, until told to end, or ``once``: until nothing is outstanding.

        :raises OSError: if the state file cannot be written.
        """
        node = self.node
        awake_us = _slept_us()
        try:
            self._fire()  # The poll of a start is due at once.
            while not self._told_to_end and not (once and node.outstanding is None):
                await self._wait()
                if (slept_us := _slept_us()) - awake_us > _SLEPT_US:
                    self._carry_out(node.resume(now()))
                awake_us = slept_us
                self._answered()
                self._fire()
        finally:
            if self._request is not None:
                self._request.cancel()
            try:
                if not once or node.outstanding is not None:
                    self._carry_out(node.stop())
            finally:
                for asked in self._waiting.values():
                    if not asked.done():
                        asked.set_result(Ending.ABANDONED)
                await self._client.close()

    async def _wait(self) -> None:
        timer = self.node.next_timer()
        seconds = _LONGEST_WAIT if timer is None else min(_LONGEST_WAIT, max(0, timer[0] - now().boot_us) / 1_000_000)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        self._stirred.clear()

    def _answered(self) -> None:
        task = self._request
        if task is None or not task.done():
            return
        self._request = None
        try:
            answer = task.result()
        except NotConnectedError as error:
            self._tell(f"no connection: {error}")
            self._carry_out(self.node.connection_refused(self._number, now()))
            return
        if answer is not None:
            self._carry_out(self.node.answer(answer, now()))

    def _fire(self) -> None:
        while (timer := self.node.next_timer()) is not None and timer[0] <= (at := now()).boot_us:
            late_us = at.boot_us - timer[0]
            if late_us < _SLEPT_US:
                # A timer is handled as if at its due instant, or the rhythm of polls would slip.
                at = Instant(timer[0], at.wall_us - late_us)
            self._carry_out(self.node.fire(timer[1], at))

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        if not effects:
            return
        self._save()
        for effect in effects:
            if isinstance(effect, Changed):
                self._tell(f"{effect.before.value} -> {effect.after.value} ({effect.reason.value})")
            elif isinstance(effect, Failed):
                self._tell(f"failed: {described(effect.row.code)}")
            elif isinstance(effect, Send):
                self._send(effect)
            else:
                self._ended(effect)

    def _ended(self, effect: Ended) -> None:
        self._ending = effect.ending
        asked = self._waiting.pop(effect.number, None)
        if asked is not None and not asked.done():
            asked.set_result(effect.ending)
        if effect.ending is Ending.POSITIVE:
            self._tell(f"request {effect.number} was granted")
        elif self._request is not None and effect.number == self._number:
            self._request.cancel()
            self._request = None

    def _send(self, send: Send) -> None:
        request = send.request
        assert not isinstance(request, bytes), "a right node sends requests"
        self._number = request.number
        self._request = asyncio.get_running_loop().create_task(self._client.ask(request))
        self._request.add_done_callback(lambda _: self._stirred.set())

    def _save(self) -> None:
        save(self._path, replace(self._kept, state=self.node.saved()), now(), self._boot)


def _slept_us() -> int:
    """Return for how long this machine has been suspended since it was booted."""
    boot_ns, monotonic_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.monotonic_ns()
    return (boot_ns - monotonic_ns) // 1000
