"""Walks through the pages of real nodes, and has these ask for what Submit and Unbind stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fake_fdl_nodes.fleet import NodeSetup
from fake_fdl_nodes.node import Ending, Node
from fake_fdl_nodes.page import FIELDS, Attempt, Member, Page, Screen, answered, click, fill
from fake_fdl_nodes.program.registering import as_before, known, registering, run_node, unbinding
from fake_fdl_nodes.program.state_file import Kept, StateError, boot_id, checked, load, now, only_one

__all__ = ["Installed", "check_together", "look", "outcome", "walk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A node whose pages are shown: its state file, what it is called, and what is to change when it registers.

    What is ``None`` stays as it was; a new node needs an application.
    """

    path: Path
    name: str
    application: str | None = None
    domain: str | None = None
    port: int | None = None
    cluster: str | None = None
    ca: str | None = None
    address: str | None = None

    def setup(self) -> NodeSetup:
        """Return it as it is installed when it registers, but for its address.

        :raises ValueError: if something of it is missing, with what was expected.
        """
        before = known(self.path)
        if before is None and self.application is None:
            raise ValueError(f"--application: found none, expected one, since {self.path} was never registered")
        old = NodeSetup(name=self.name, address=0, application="") if before is None else before.setup
        return checked(
            replace(
                old,
                application=old.application if self.application is None else self.application,
                domain=old.domain if self.domain is None else self.domain,
                port=old.port if self.port is None else self.port,
                cluster=old.cluster if self.cluster is None else self.cluster,
            )
        )

    def registering(self, server: str) -> Kept:
        """Return it as it is to register at ``server``.

        :raises ValueError: if something of it is wrong or missing, with what was expected.
        :raises OSError: if the server's host is not known.
        """
        before = known(self.path)
        ca = self.ca or (None if before is None else before.ca)
        address = self.address or (None if before is None else before.address)
        return registering(self.setup(), server, ca=ca, address=address)


def look(nodes: Sequence[Installed]) -> list[Member]:
    """Return what the pages show of each node.

    :raises StateError: if a state file is damaged.
    """
    kept = [known(node.path) for node in nodes]
    return [Member.of(node.name, None if each is None else each.state) for node, each in zip(nodes, kept, strict=True)]


def walk(steps: Sequence[str], nodes: Sequence[Installed]) -> Page:
    """Return the page to which ``steps`` lead: each is a button's text, or a field's label, ``=`` and a value.

    :raises ValueError: if a page has no such button or field, or a node cannot be registered as it is installed.
    :raises StateError: if a state file cannot be used.
    """
    page = Page()
    for step in steps:
        field, equals, value = step.partition("=")
        page = fill(page, field, value) if equals and field in FIELDS else click(page, step, look(nodes))
        if page.screen is Screen.SENT:
            page = answered(page, _register(nodes, page.server))
        elif page.screen is Screen.UNBINDING:
            page = answered(page, [_unbind(next(node for node in nodes if node.name == page.node))])
    return page


def check_together(nodes: Sequence[Installed]) -> None:
    """Make sure that the nodes can register, and belong together.

    :raises ValueError: if not, with what was expected.
    """
    clusters = {node.setup().cluster for node in nodes}
    if len(nodes) > 1 and (None in clusters or len(clusters) > 1):
        raise ValueError("--cluster: the nodes are not of one cluster, expected the same one for every --state")


def _register(nodes: Sequence[Installed], server: str) -> list[Attempt]:
    """Register each node, in order: a cluster's members have a slot each, and each has its own answer (R105)."""
    # Nothing is sent before everything is known to be right.
    check_together(nodes)
    fresh = [node.registering(server) for node in nodes]
    return [_attempt(node.path, each) for node, each in zip(nodes, fresh, strict=True)]


def _attempt(path: Path, new: Kept) -> Attempt:
    with only_one(path):
        kept = as_before(new, path)
        ended, node = run_node(path, kept, lambda node: node.register(now()), lambda _: None, once=True)
    return outcome(kept.setup.name, ended, node)


def _unbind(node: Installed) -> Attempt:
    with only_one(node.path):
        ended, after = run_node(node.path, load(node.path, now(), boot_id()), unbinding, lambda _: None, once=True)
    return outcome(node.name, ended, after)


def outcome(name: str, ended: Ending | None, node: Node) -> Attempt:
    """Return what came of the request of ``node`` that has ``ended``.

    :raises StateError: if it was abandoned.
    """
    if ended is Ending.POSITIVE:
        return Attempt(name, None)
    if ended is Ending.NEGATIVE or ended is Ending.UNANSWERED:
        return Attempt(name, node.failures.rows[-1])
    raise StateError(f"{name}: the node was told to end before it was answered; press the button again")
