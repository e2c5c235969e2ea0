"""Node programs that are wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from harness.planting import ProgramBugs, change, wrap

BUGS = ProgramBugs("fdl-node")


def _leads(screen: Any, buttons: dict[str, Any]) -> None:
    """Let ``buttons`` of a page lead elsewhere, or give it new ones."""
    from fake_fdl_nodes.page import LEADS

    LEADS[screen] = {**LEADS[screen], **buttons}


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


@BUGS.breaking("R093")
def has_a_shortcut() -> None:
    """Has Register Now on the first page, too."""
    from fake_fdl_nodes.page import Screen

    _leads(Screen.HOME, {"Register Now": Screen.FORM})


@BUGS.breaking("R094")
def takes_another_method() -> None:
    """Lets one choose another Authentication Method, and registers as if it were Private Cloud."""
    change("fake_fdl_nodes.page.METHODS", ("Private Cloud", "Public Cloud"))


@BUGS.breaking("R094")
def needs_no_method() -> None:
    """Registers though no Authentication Method was chosen."""

    def complaining(complaint: Callable[[Any], str]) -> Callable[[Any], str]:
        return lambda page: complaint(replace(page, method="Private Cloud"))

    wrap("fake_fdl_nodes.page._complaint", complaining)


@BUGS.breaking("R102", "R106")
def details_lead_back() -> None:
    """Leads from Details to where Back leads."""
    from fake_fdl_nodes.page import Screen

    _leads(Screen.PROMPT, {"Details": Screen.REGISTRATION})


@BUGS.breaking("R103")
def back_leads_to_the_form() -> None:
    """Leads from the prompt back to the form."""
    from fake_fdl_nodes.page import Screen

    _leads(Screen.PROMPT, {"Back": Screen.FORM})


@BUGS.breaking("R103", "R104", "R106")
def forgets_why_on_the_way_back() -> None:
    """Shows a failure in the prompt alone, and not in Registration Information."""

    def looking(look: Callable[..., Any]) -> Callable[..., Any]:
        return lambda nodes: [member._replace(failing=None) for member in look(nodes)]

    for place in ("pages", "cli"):
        wrap(f"fake_fdl_nodes.program.{place}.look", looking)


@BUGS.breaking("R104", "R106")
def has_no_error_details() -> None:
    """Lists failures without View Error Details."""
    from fake_fdl_nodes.page import LEADS, Screen

    LEADS[Screen.REGISTRATION] = {"Version Information": Screen.VERSION}


@BUGS.breaking("R103", "R104")
def keeps_showing_a_failure() -> None:
    """Shows the last failure as if the node had it, though it is registered."""
    from fake_fdl_nodes.page import Member

    of = Member.of

    def failing_still(name: str, state: Any) -> Member:
        return of(name, None if state is None else state._replace(failures=state.failures._replace(since_success=True)))

    change("fake_fdl_nodes.page.Member.of", staticmethod(failing_still))


@BUGS.breaking("R106")
def lists_one_member() -> None:
    """Lists the first member of a cluster, and no other."""

    def registration(show: Callable[..., Any]) -> Callable[..., Any]:
        return lambda members, there: show(members[:1], there)

    wrap("fake_fdl_nodes.page_text._registration", registration)


@BUGS.breaking("R106")
def has_one_reason_for_all() -> None:
    """Shows for each member of a cluster the reason of the first that failed."""

    def viewed(view: Callable[..., Any]) -> Callable[..., Any]:
        return lambda page, members: view(replace(page, node=""), members)[:1] if page.attempts else view(page, members)

    wrap("fake_fdl_nodes.page_text.viewed", viewed)
