"""Node programs that are wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from harness.planting import ProgramBugs, change, wrap

BUGS = ProgramBugs("fdl-node")


@BUGS.breaking("R095")
def needs_no_https() -> None:
    """Takes any Server Address that has a host and a port."""

    def address(server_address: Callable[[str], tuple[str, int]]) -> Callable[[str], tuple[str, int]]:
        return lambda text: server_address(text.replace("http://", "https://"))

    wrap("fake_fdl_nodes.program.registering.server_address", address)


@BUGS.breaking("R036", "R097", "R100")
def forgets_its_failures() -> None:
    """Clears its list of failures when it is registered."""
    from fake_fdl_nodes.node import Effect, Node, Status
    from reference_server.protocol import Answer, Instant

    class Forgetful(Node):
        def answer(self, answer: Answer, now: Instant) -> list[Effect]:
            effects = super().answer(answer, now)
            if self.status is Status.REGISTERED:
                self.failures.rows.clear()
            return effects

    change("fake_fdl_nodes.program.registering.Node", Forgetful)


@BUGS.breaking("R036", "R097", "R100", "R101", "R105")
def lists_no_reasons() -> None:
    """Lists when something failed, and not why."""
    change("fake_fdl_nodes.program.cli.described", lambda _: "failed")


@BUGS.breaking("R012", "R101", "R105")
def fails_without_a_word() -> None:
    """Says nothing of a failure as it happens."""
    # What lists failures later has its own name for the function, and keeps the right one.
    import_module("fake_fdl_nodes.program.cli")
    change("fake_fdl_nodes.program.running.described", lambda _: "")


@BUGS.breaking("R098")
def does_not_say_until_when() -> None:
    """Does not show until when the node is registered."""
    change("fake_fdl_nodes.program.cli.HOLDING", frozenset())


@BUGS.breaking("R099")
def counts_itself() -> None:
    """Shows one connection less, as if the node's own did not count."""

    def loaded(load: Callable[..., Any]) -> Callable[..., Any]:
        def less(*how: Any) -> Any:
            kept = load(*how)
            state = kept.state
            capacity = None if state.capacity is None else max(1, state.capacity - 1)
            return replace(kept, state=state._replace(capacity=capacity))

        return less

    wrap("fake_fdl_nodes.program.cli.load", loaded)
