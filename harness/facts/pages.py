"""Facts about the node's pages: the way to a registration, its form, and back from a failure (R093 to R106)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from harness.facts.checking import checks
from harness.facts.programs import Done
from harness.facts.workshop import ENGLISH, Place, Workshop
from harness.wires.installed import free_port

__all__: list[str] = []

MANAGEMENT = ("System Management", "Registration Management")
WAY = (*MANAGEMENT, "Version Information", "Register Now")
METHOD = "Authentication Method=Private Cloud"
VIEW = "View Error Details"
_UNREACHABLE = ("/", "the authorization server cannot be reached")
_NOT_LICENSED = ("30003", "LICENSE_IP_ERROR")
_FULL = ("30007", "REGISTER_OUT_OF_LIMIT")
#: An address of loopback for which no bundle of the workshop is.
_OUTSIDE = "127.0.0.200"


def _walk(workshop: Workshop, states: Sequence[Path], *steps: str, options: Sequence[str] = ()) -> Done:
    """Walk through the pages of the nodes that keep themselves in ``states``, and show where that ends."""
    kept = [word for state in states for word in ("--state", str(state))]
    return workshop.run("fdl-node", "page", *steps, *kept, *options)


def _form(server: str) -> tuple[str, ...]:
    """Return the steps that register at ``server``."""
    return (*WAY, METHOD, f"Server Address={server}", "Submit")


def _node(place: Place, *addresses: str) -> list[str]:
    """Return the options of nodes that register for the first time, from ``addresses``."""
    own = [word for address in addresses for word in ("--address", address)]
    return ["--application", "report1", "--ca", str(place.ca), *own]


def _buttons(done: Done) -> list[str]:
    return re.findall(r"\[([^]]+)\]", done.printed)


def _title(done: Done) -> str:
    return (done.printed.splitlines() or [""])[0]


def _information(done: Done) -> list[str]:
    """Return the rows of Registration Information, which ends where the list of all failures begins."""
    area = done.printed.partition("Registration Information\n")[2].partition("\nFailures\n")[0]
    return area.splitlines()


def _must_inform(done: Done, *words: str) -> None:
    done.must(
        any(all(each in row for each in words) for row in _information(done)), f"in Registration Information {words}"
    )


def _must_have(done: Done, *buttons: str) -> None:
    for each in buttons:
        done.must(each in _buttons(done), f"a button {each!r}")


def _failures(workshop: Workshop) -> list[tuple[Path, str, list[str], tuple[str, str]]]:
    """Return two new nodes that will fail, each with its state file, server, options and reason."""
    place, server = workshop.shared()
    nowhere = f"https://127.0.0.1:{free_port()}"
    return [
        (workshop.folder() / "node", nowhere, _node(place, "127.0.0.1"), _UNREACHABLE),
        (workshop.folder() / "node", server.url, _node(place, _OUTSIDE), _NOT_LICENSED),
    ]


@checks("R093")
def the_way_to_a_registration(workshop: Workshop) -> None:
    """System Management, Registration Management, Version Information and Register Now are found one behind the other,
    and none of them earlier (exit code 2). Behind the last one is the form, with Submit.
    """
    nodes = [workshop.folder() / "node"]
    for k, button in enumerate(WAY):
        shown = _walk(workshop, nodes, *WAY[:k]).must_end_with(0)
        _must_have(shown, button)
        for later in WAY[k + 1 :]:
            _walk(workshop, nodes, *WAY[:k], later).must_end_with(2, repr(later), repr(button))
    form = _walk(workshop, nodes, *WAY).must_end_with(0, "Authentication Method", "Server Address")
    _must_have(form, "Submit")


@checks("R094")
def the_method(workshop: Workshop) -> None:
    """Without an Authentication Method the form is not sent, and says that Private Cloud is expected; another one
    cannot be chosen (exit code 2). With Private Cloud the node is registered.
    """
    place, server = workshop.shared()
    state = workshop.folder() / "node"
    options = _node(place, "127.0.0.3")
    address = f"Server Address={server.url}"
    done = _walk(workshop, [state], *WAY, address, "Submit", options=options)
    done.must_end_with(1, "Authentication Method", "expected Private Cloud")
    _must_have(done, "Submit")
    other = "Authentication Method=Public Cloud"
    done = _walk(workshop, [state], *WAY, other, address, "Submit", options=options)
    done.must_end_with(2, "Authentication Method", "expected Private Cloud")
    done.must(not state.exists(), "that nothing was sent")
    _walk(workshop, [state], *_form(server.url), options=options).must_end_with(0, "registered", "Max Connections")


@checks("R102")
def details_of_a_standalone_node(workshop: Workshop) -> None:
    """The prompt of a registration that failed has Details, which shows the code, its name and the reason: at a port
    where nobody listens, and from an address that is not licensed.
    """
    for state, server, options, reason in _failures(workshop):
        prompt = _walk(workshop, [state], *_form(server), options=options)
        prompt.must_end_with(1, *reason)
        _must_have(prompt, "Details")
        details = _walk(workshop, [state], *_form(server), "Details", options=options)
        labels = ("time", "error code", "error name", "reason")
        details.must_end_with(1, *labels, *reason)


@checks("R103")
def back_on_a_standalone_node(workshop: Workshop) -> None:
    """Back leads from the prompt of a registration that failed to Registration Management. Registration Information
    shows there, and whenever one comes by, that the node is unregistered and why; no longer when it is registered.
    """
    place, server = workshop.shared()
    for state, address, options, reason in _failures(workshop):
        back = _walk(workshop, [state], *_form(address), "Back", options=options)
        back.must(_title(back) == " > ".join(MANAGEMENT), "the page Registration Management")
        for shown in (back, _walk(workshop, [state], *MANAGEMENT)):
            _must_inform(shown, "unregistered", *reason)
        done = _walk(workshop, [state], *_form(server.url), options=_node(place, "127.0.0.4"))
        done.must_end_with(0)
        after = _walk(workshop, [state], *MANAGEMENT)
        _must_inform(after, " registered")
        after.must(not any(reason[1] in row for row in _information(after)), "no failure in Registration Information")


@checks("R104")
def error_details_of_a_standalone_node(workshop: Workshop) -> None:
    """On Registration Management a node whose registration failed has View Error Details, which shows the code, its
    name and the reason. A new node has no such button (exit code 2), and neither has a registered one.
    """
    place, server = workshop.shared()
    for state, address, options, reason in _failures(workshop):
        _walk(workshop, [state], *MANAGEMENT, VIEW).must_end_with(2, repr(VIEW))
        _walk(workshop, [state], *_form(address), options=options).must_end_with(1)
        _must_have(_walk(workshop, [state], *MANAGEMENT), VIEW)
        _walk(workshop, [state], *MANAGEMENT, VIEW).must_end_with(0, "error code", *reason)
        done = _walk(workshop, [state], *_form(server.url), options=_node(place, "127.0.0.5"))
        done.must_end_with(0)
        _walk(workshop, [state], *MANAGEMENT, VIEW).must_end_with(2, repr(VIEW))


@checks("R106")
def reasons_of_all_members(workshop: Workshop) -> None:
    """Of three members of a cluster, for one slot, the first is registered, the second too many, and the third not
    licensed. Details shows the reasons of both, and Back leads to a list of all three, in which both that failed have
    their reason and View Error Details, which shows that reason alone.
    """
    place = workshop.licensed(Authorization_capacity="1", FineDataLink_IP_address="127.0.0.1 - 127.0.0.2")
    states = [workshop.folder() / "node" for _ in range(3)]
    names = ("first", "second", "third")
    options = _node(place, "127.0.0.1", "127.0.0.2", _OUTSIDE)
    options += ["--cluster", "c", *(word for name in names for word in ("--name", name))]
    reasons = {"second": _FULL, "third": _NOT_LICENSED}
    with workshop.running(place, *ENGLISH) as server:
        details = _walk(workshop, states, *_form(server.url), "Details", options=options)
        details.must_end_with(1, "error code", *reasons, *_FULL, *_NOT_LICENSED)
        listed = _walk(workshop, states, *_form(server.url), "Details", "Back", options=options)
    listed.must(_title(listed) == " > ".join(MANAGEMENT), "the page Registration Management")
    _must_inform(listed, "first", " registered")
    for name, reason in reasons.items():
        view = f"{VIEW} of {name}"
        _must_inform(listed, name, *reason, f"[{view}]")
        viewed = _walk(workshop, states, *MANAGEMENT, view).must_end_with(0, "error code", *reason)
        others = [other for other in reasons.values() if other != reason]
        viewed.must(not any(other[0] in viewed.printed for other in others), f"no reason but {reason}")
    listed.must(f"{VIEW} of first" not in _buttons(listed), "no error of the first")
