"""The pages of a node on which its administrator registers it, as a pure state machine (R092 to R106).

The way to a registration, and back from one that failed::

    FineDataLink > System Management > Registration Management > Version Information > Register Now
                                            ^                                              |
                                            |  Back                                      Submit
                                            +------- the result, or the prompt <-----------+
                                                                  |
                                                               Details

A `Page` says which screen is shown, what was typed, and what came of the last Submit. `click` and `fill` give the next
page, `buttons` says which there are; what they lead to is one table. Submit leads to a page that waits: whoever drives
it has the nodes registered and tells it by `answered`.

What the pages show of the nodes is a `Member` for each: one if the project stands alone, one for each node of a
cluster. They never change while nothing is sent, so pages need no clock. The document names Back on the prompt alone;
here every page behind Registration Management has it, and it always leads there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from fake_fdl_nodes.failures import FailureRow
from fake_fdl_nodes.node import NodeState, Status
from fake_fdl_nodes.server_address import server_address
from reference_server.protocol import Code

__all__ = [
    "FIELDS",
    "LEADS",
    "METHODS",
    "Attempt",
    "Button",
    "Member",
    "Page",
    "Screen",
    "answered",
    "buttons",
    "click",
    "fill",
]


class Screen(Enum):
    """The screens, by their titles."""

    HOME = "FineDataLink"
    SYSTEM = "System Management"
    REGISTRATION = "System Management > Registration Management"
    VERSION = "System Management > Registration Management > Version Information"
    FORM = "System Management > Registration Management > Version Information > Register Now"
    SENT = "Registering"
    RESULT = "Registration succeeded"
    PROMPT = "Registration failed"
    DETAILS = "Details of the failure"


_SUBMIT = "Submit"
#: Of this there is one for each node that fails.
_ERROR_DETAILS = "View Error Details"
_BACK = {"Back": Screen.REGISTRATION}

#: Which buttons each screen can have, and where they lead.
LEADS: dict[Screen, Mapping[str, Screen]] = {
    Screen.HOME: {"System Management": Screen.SYSTEM},
    Screen.SYSTEM: {"Registration Management": Screen.REGISTRATION},
    Screen.REGISTRATION: {"Version Information": Screen.VERSION, _ERROR_DETAILS: Screen.DETAILS},
    Screen.VERSION: {"Register Now": Screen.FORM, **_BACK},
    Screen.FORM: {_SUBMIT: Screen.SENT, **_BACK},
    Screen.SENT: {},
    Screen.RESULT: _BACK,
    Screen.PROMPT: {"Details": Screen.DETAILS, **_BACK},
    Screen.DETAILS: _BACK,
}

#: What can be chosen as Authentication Method (R094). The document is about this one.
METHODS = ("Private Cloud",)
#: The fields of the form, by their labels.
FIELDS = {"Authentication Method": "method", "Server Address": "server"}


class Member(NamedTuple):
    """A node as the pages show it.

    ``capacity`` is what its last grant gave as Max Connections. ``rows`` is its failure list, and ``failing`` the
    failure that is shown, ``None`` if it has not failed since its last success.
    """

    name: str
    status: Status = Status.UNREGISTERED
    capacity: int | None = None
    rows: tuple[FailureRow, ...] = ()
    failing: Code | None = None

    @classmethod
    def of(cls, name: str, state: NodeState | None) -> Member:
        """Return the node ``name`` by what it keeps; ``None`` for one that has never been asked to register."""
        if state is None:
            return cls(name)
        failures = state.failures
        failing = failures.shown if failures.since_success else None
        return cls(name, state.status, state.capacity, failures.rows, failing)

    @property
    def failure(self) -> FailureRow | None:
        """The row of the failure that is shown, ``None`` if there is none."""
        return next((row for row in reversed(self.rows) if row.code is self.failing), None)


class Attempt(NamedTuple):
    """What came of the registration of a node: its failure, or ``None`` if it is registered."""

    name: str
    failure: FailureRow | None


class Button(NamedTuple):
    """A button, and the node that it is about, empty if about none in particular.

    ``text`` is by what it is clicked: its label, with the node where there is one for each.
    """

    label: str
    node: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is shown.

    ``method`` and ``server`` are what was typed into the form, and ``complaint`` is why Submit did not send it.
    ``attempts`` is what came of the last Submit, node by node. ``node`` is the one whose error details are viewed,
    empty for those of all that failed at the last Submit.
    """

    screen: Screen = Screen.HOME
    method: str = ""
    server: str = ""
    complaint: str = ""
    attempts: tuple[Attempt, ...] = ()
    node: str = ""

    @property
    def failed(self) -> bool:
        """Whether the last Submit did not register every node."""
        return bool(self.complaint) or any(attempt.failure is not None for attempt in self.attempts)


def buttons(page: Page, members: Sequence[Member]) -> list[Button]:
    """Return the buttons of ``page``, in order. ``members`` are the nodes that it is about."""
    found = []
    for label in LEADS[page.screen]:
        if label != _ERROR_DETAILS:
            found.append(Button(label, text=label))
            continue
        for member in members:
            if member.failing is not None:
                text = label if len(members) == 1 else f"{label} of {member.name}"
                found.append(Button(label, member.name, text))
    return found


def click(page: Page, button: str, members: Sequence[Member]) -> Page:
    """Return the page to which ``button`` leads, by its text. Submit stays on a form that is not filled in rightly.

    :param members: the nodes that the pages are about.
    :raises ValueError: if it has no such button; the message says which it has.
    """
    there = buttons(page, members)
    clicked = next((each for each in there if each.text == button), None)
    if clicked is None:
        raise ValueError(_not_there("button", button, page.screen, [each.text for each in there]))
    after = replace(page, screen=LEADS[page.screen][clicked.label], node=clicked.node, complaint="")
    if clicked.label == _SUBMIT:
        complaint = _complaint(page)
        return replace(page, complaint=complaint) if complaint else after
    if after.screen is Screen.FORM:
        # Each registration begins with an empty form.
        return Page(screen=Screen.FORM)
    return after


def fill(page: Page, field: str, value: str) -> Page:
    """Return the page with ``value`` in its field with the label ``field``.

    :raises ValueError: if it has no such field, or the value is none that can be chosen.
    """
    there = list(FIELDS) if page.screen is Screen.FORM else []
    if field not in there:
        raise ValueError(_not_there("field", field, page.screen, there))
    if field == "Authentication Method":
        if value not in METHODS:
            raise ValueError(f"{field}: found {value!r}, expected {' or '.join(METHODS)}")
        return replace(page, method=value, complaint="")
    return replace(page, server=value, complaint="")


def answered(page: Page, attempts: Sequence[Attempt]) -> Page:
    """Return the page that follows when every node of what was submitted has its answer.

    :raises ValueError: if nothing was submitted.
    """
    if page.screen is not Screen.SENT:
        raise ValueError(f"found an answer on the page {page.screen.value!r}, expected one after Submit only")
    after = replace(page, attempts=tuple(attempts))
    return replace(after, screen=Screen.PROMPT if after.failed else Screen.RESULT)


def _complaint(page: Page) -> str:
    """Return what is wrong with a form, empty if nothing is."""
    if not page.method:
        return f"Authentication Method: found nothing, expected {' or '.join(METHODS)}"
    try:
        server_address(page.server)
    except ValueError as error:
        return f"Server Address: {error}"
    return ""


def _not_there(what: str, name: str, screen: Screen, there: Sequence[str]) -> str:
    which = ", ".join(map(repr, there)) or "none"
    return f"the page {screen.value!r} has no {what} {name!r}; it has {which}"
