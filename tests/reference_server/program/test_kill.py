"""``kill -9`` at random moments under load: what a client was told is what the server knows (the store's promise).

Each round starts the server, lets several nodes register, poll and unbind as fast as they can, kills the process at a
moment that nobody chose, and asks the next one. ``FDL_HARNESS_KILL_ROUNDS`` says how many rounds (3 if left out).
"""

from __future__ import annotations

import os
import random
import threading
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from reference_server.protocol import Grant, Poll, Refusal, Register, Release, Unbind, decode_answer
from tests.programs import Server, licence, machine, post, request, unpacked

ROUNDS = int(os.environ.get("FDL_HARNESS_KILL_ROUNDS", "3"))
CAPACITY = 3
NODES = 6


@dataclass
class Member:
    """A node that remembers what it was told. ``holds`` is ``None`` while the last answer has not come."""

    name: str
    draw: random.Random
    number: int = 0
    holds: bool | None = False
    answered: int = 0
    told: list[str] = field(default_factory=list)

    def go_on(self, server: Server, stop: threading.Event, progress: threading.Semaphore) -> None:
        """Ask one thing after the other until the server is gone."""
        with server.client() as client:
            while not stop.is_set():
                kinds: list[type[Register | Poll | Unbind]] = [Register, Poll, Poll, Unbind]
                kind = self.draw.choice(kinds) if self.holds else Register
                self.number += 1
                before, self.holds = self.holds, None
                try:
                    answer = decode_answer(post(client, request(kind, self.name, self.number)).content)
                except httpx.TransportError:
                    return
                self.answered += 1
                progress.release()
                self.holds = isinstance(answer, Grant) or (isinstance(answer, Refusal) and bool(before))
                # A node that was granted, and has not given its slot back, is never told that it has none.
                if before and not isinstance(answer, Grant | Release):
                    self.told.append(f"{self.name} {kind.__name__} {self.number}: {answer}")


# httpcore leaves a socket to the garbage collector whose handshake was cut off.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_grant_that_was_received_is_forgotten_and_capacity_holds(tmp_path: Path) -> None:
    root = machine(tmp_path / "m")
    bundle = unpacked(tmp_path / "b", licence(root, capacity=CAPACITY))
    draw = random.Random(20260301)
    members = [Member(f"n{k}", random.Random(k)) for k in range(NODES)]
    for _ in range(ROUNDS):
        server, stop, progress = Server.started(bundle, root), threading.Event(), threading.Semaphore(0)
        # Before any load: who held a slot when the last program was killed holds it now.
        with server.client() as client:
            status = client.get("/v1/status").json()
            holders = set(status["nodes"])
            assert status["registered"] <= CAPACITY
            for member in members:
                if member.holds is None:
                    member.holds = member.name in holders
                else:
                    assert member.holds == (member.name in holders), member.name
        threads = [threading.Thread(target=member.go_on, args=(server, stop, progress)) for member in members]
        for thread in threads:
            thread.start()
        # At a moment that depends on how fast everything is: after some answers, in the middle of others.
        for _ in range(draw.randrange(1, 60)):
            assert progress.acquire(timeout=60)
        server.end(kill=True)
        stop.set()
        for thread in threads:
            thread.join()
        assert [told for member in members for told in member.told] == []
        assert sum(member.holds is True for member in members) <= CAPACITY
    assert sum(member.answered for member in members) >= ROUNDS
