"""The pages of a node on which its administrator registers it, as a pure state machine (R092 to R106).

The way to a registration, and back from one that failed::

    FineDataLink > System Management > Registration Management > Version Information > Register Now
                                            ^                                              |
                                            |  Back                                      Submit
                                            +------- the result, or the prompt <-----------+
                                                                  |
                                                               Details

and the way to give a slot back, which begins on Registration Management, too.

A `Page` says which screen is shown, what was typed, and what came of the last Submit or Unbind. `click` and `fill` give
the next page, `buttons` says which there are; what they lead to is one table. Submit and Unbind lead to a page that
waits: whoever drives it has the nodes do it, and tells what came of it by `answered`.

What the pages show of the nodes is a `Member` for each: one if the project stands alone, one for each node of a
cluster. They never change while nothing is sent, so pages need no clock. The document names Back on the prompt alone;
here every page behind Registration Management has it, and it always leads there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from fake_fdl_nodes.failure_list import EVERY, Failure, Filter, listed
from fake_fdl_nodes.failures import FailureRow, shown_date
from fake_fdl_nodes.node import NodeState, Status
from fake_fdl_nodes.server_address import ServerAddressError, server_address
from reference_server.protocol import Code, Details

__all__ = [
    "FIELDS",
    "LEADS",
    "METHODS",
    "NO_METHOD",
    "WAITING",
    "Attempt",
    "Button",
    "Complaint",
    "Item",
    "Member",
    "Page",
    "Screen",
    "answered",
    "buttons",
    "click",
    "failures",
    "fill",
    "granted",
    "viewed",
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
    UNBIND = "System Management > Registration Management > Unbind"
    UNBINDING = "Unbinding"
    UNBOUND = "The slot was given back"
    NOT_UNBOUND = "Unbinding failed"
    DETAILS = "Details of the failure"


_SUBMIT = "Submit"
_UNBIND = "Unbind"
_ERROR_DETAILS = "View Error Details"
_BACK = {"Back": Screen.REGISTRATION}

#: Which buttons each screen can have, and where they lead.
LEADS: dict[Screen, Mapping[str, Screen]] = {
    Screen.HOME: {"System Management": Screen.SYSTEM},
    Screen.SYSTEM: {"Registration Management": Screen.REGISTRATION},
    Screen.REGISTRATION: {
        "Version Information": Screen.VERSION,
        _ERROR_DETAILS: Screen.DETAILS,
        _UNBIND: Screen.UNBIND,
    },
    Screen.VERSION: {"Register Now": Screen.FORM, **_BACK},
    Screen.FORM: {_SUBMIT: Screen.SENT, **_BACK},
    Screen.SENT: {},
    Screen.RESULT: _BACK,
    Screen.PROMPT: {"Details": Screen.DETAILS, **_BACK},
    Screen.UNBIND: {_UNBIND: Screen.UNBINDING, **_BACK},
    Screen.UNBINDING: {},
    Screen.UNBOUND: _BACK,
    Screen.NOT_UNBOUND: {"Details": Screen.DETAILS, **_BACK},
    Screen.DETAILS: _BACK,
}
#: Where the screens that wait for an answer lead: if every node was granted what it asked for, and if not.
WAITING = {
    Screen.SENT: (Screen.RESULT, Screen.PROMPT),
    Screen.UNBINDING: (Screen.UNBOUND, Screen.NOT_UNBOUND),
}

#: What can be chosen as Authentication Method (R094). The document is about this one.
METHODS = ("Private Cloud",)
#: What a form without one is told.
NO_METHOD = f"found nothing, expected {' or '.join(METHODS)}"
#: The fields of the form, by their labels.
FIELDS = {"Authentication Method": "method", "Server Address": "server"}


class Member(NamedTuple):
    """A node as the pages show it.

    ``capacity`` is what its last grant gave as Max Connections, and ``grant`` are the items of that. ``rows`` is its
    failure list, and ``failing`` the failure that is shown, ``None`` if it has not failed since its last success.
    ``asked`` tells that it has asked a server for something before, so that there is one at which it can be unbound.
    """

    name: str
    status: Status = Status.UNREGISTERED
    capacity: int | None = None
    rows: tuple[FailureRow, ...] = ()
    failing: Code | None = None
    grant: Details | None = None
    asked: bool = False

    @classmethod
    def of(cls, name: str, state: NodeState | None) -> Member:
        """Return the node ``name`` by what it keeps; ``None`` for one that has never been asked to register."""
        if state is None:
            return cls(name)
        failures = state.failures
        failing = failures.shown if failures.since_success else None
        return cls(name, state.status, state.capacity, failures.rows, failing, state.grant, state.number > 0)

    @property
    def failure(self) -> FailureRow | None:
        """The row of the failure that is shown, ``None`` if there is none."""
        return next((row for row in reversed(self.rows) if row.code is self.failing), None)


class Attempt(NamedTuple):
    """What came of what a node asked for: its failure, or ``None`` if it was granted."""

    name: str
    failure: FailureRow | None


class Button(NamedTuple):
    """A button, and the node that it is about, empty if about none in particular.

    ``text`` is by what it is clicked: its label, with the node where there is one for each.
    """

    label: str
    node: str = ""
    text: str = ""


class Complaint(NamedTuple):
    """Why something was not sent: the label of the field to blame, and a sentence with a place for what was found.

    ``field`` is empty if no field is to blame.
    """

    field: str
    reason: str
    found: str = ""

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.field, self.reason.format(found=self.found))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is shown.

    ``method`` and ``server`` are what was typed into the form, and ``complaint`` is why it was not sent. ``attempts``
    is what came of the last Submit or Unbind, node by node. ``node`` is the one that is to be unbound, or whose error
    details are viewed, empty for those of all that failed at the last attempt. ``only`` says which failures are listed.
    """

    screen: Screen = Screen.HOME
    method: str = ""
    server: str = ""
    complaint: Complaint | None = None
    attempts: tuple[Attempt, ...] = ()
    node: str = ""
    only: Filter = EVERY

    @property
    def failed(self) -> bool:
        """Whether not every node was granted what was asked for last."""
        return self.complaint is not None or any(attempt.failure is not None for attempt in self.attempts)


#: The buttons of which Registration Management has one for some of the nodes, by what each is clicked where there are
#: several, and for which nodes it is there.
_FOR_A_NODE: dict[str, tuple[str, Callable[[Member], bool]]] = {
    _ERROR_DETAILS: ("View Error Details of {}", lambda member: member.failing is not None),
    _UNBIND: ("Unbind {}", lambda member: member.asked),
}


def buttons(page: Page, members: Sequence[Member]) -> list[Button]:
    """Return the buttons of ``page``, in order. ``members`` are the nodes that it is about."""
    found = []
    for label in LEADS[page.screen]:
        if page.screen is not Screen.REGISTRATION or label not in _FOR_A_NODE:
            found.append(Button(label, text=label))
            continue
        of_one, is_there = _FOR_A_NODE[label]
        for member in filter(is_there, members):
            text = label if len(members) == 1 else of_one.format(member.name)
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
    after = replace(page, screen=LEADS[page.screen][clicked.label], node=clicked.node, complaint=None)
    if clicked.label == _SUBMIT:
        complaint = _complaint(page)
        return after if complaint is None else replace(page, complaint=complaint)
    if after.screen is Screen.UNBINDING:
        return replace(after, node=page.node)
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
        return replace(page, method=value, complaint=None)
    return replace(page, server=value, complaint=None)


def answered(page: Page, attempts: Sequence[Attempt]) -> Page:
    """Return the page that follows when every node that was to ask for something has its answer.

    :raises ValueError: if nothing was asked for.
    """
    if page.screen not in WAITING:
        raise ValueError(f"found an answer on the page {page.screen.value!r}, expected one after Submit or Unbind only")
    well, ill = WAITING[page.screen]
    after = replace(page, attempts=tuple(attempts), node="")
    return replace(after, screen=ill if after.failed else well)


def viewed(page: Page, members: Sequence[Member]) -> list[tuple[str, FailureRow]]:
    """Return the failures of which the details are shown, each with its node."""
    shown = (
        [(each.name, each.failure) for each in members if each.name == page.node]
        if page.node
        else [(each.name, each.failure) for each in page.attempts]
    )
    return [(name, failure) for name, failure in shown if failure is not None]


def failures(page: Page, members: Sequence[Member]) -> list[Failure]:
    """Return the failures that Registration Management lists: when each of ``members`` has failed, and why (R036)."""
    return listed([(each.name, each.rows) for each in members], page.only)


class Item(NamedTuple):
    """An item of a grant: its label, what is granted, and the word for an item that grants no limit."""

    label: str
    values: tuple[str, ...]
    otherwise: str


def granted(grant: Details) -> list[Item]:
    """Return what the page of a result shows of a grant: its five items (R005, R098)."""
    ends = () if grant.expires_us is None else (shown_date(grant.expires_us),)
    return [
        Item("Function points", grant.function_points, "none"),
        Item("Access domain", grant.access_domains, "any"),
        Item("Access port", tuple(map(str, grant.access_ports)), "any"),
        Item("Application name", grant.application_names, "any"),
        Item("Expires", ends, "never"),
    ]


def _complaint(page: Page) -> Complaint | None:
    """Return what is wrong with a form, ``None`` if nothing is."""
    if not page.method:
        return Complaint("Authentication Method", NO_METHOD)
    try:
        server_address(page.server)
    except ServerAddressError as error:
        return Complaint("Server Address", error.reason, error.found)
    return None


def _not_there(what: str, name: str, screen: Screen, there: Sequence[str]) -> str:
    which = ", ".join(map(repr, there)) or "none"
    return f"the page {screen.value!r} has no {what} {name!r}; it has {which}"
