"""A node's pages as HTML documents.

What is on a page, and where its buttons lead, `fake_fdl_nodes.page` knows; what it looks like, the templates in
``assets``. A button that only leads to another page is a link there, and one that has a node ask for something sends a
form. So each page has an address of its own, and going back or loading it again asks for nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import jinja2

from fake_fdl_nodes.failure_list import EVERY
from fake_fdl_nodes.failures import shown_date
from fake_fdl_nodes.languages import LANGUAGES, Language
from fake_fdl_nodes.node import OPEN
from fake_fdl_nodes.page import (
    FIELDS,
    LEADS,
    METHODS,
    WAITING,
    Button,
    Member,
    Page,
    Screen,
    buttons,
    click,
    failures,
    granted,
    viewed,
)
from reference_server.protocol import Code

__all__ = ["Places", "asset", "document", "message"]

_FROM_MANAGEMENT = (Screen.RESULT, Screen.PROMPT, Screen.UNBOUND, Screen.NOT_UNBOUND, Screen.DETAILS)


class Places(NamedTuple):
    """Where pages are found.

    ``address`` gives the address of a page, ``table`` that of the table of its failures, and ``speaking`` the address
    at which this page is shown in another language, by its key. ``token`` goes with each form.
    """

    address: Callable[[Page], str]
    table: Callable[[Page], str]
    speaking: Callable[[str], str]
    token: str


class _Way(NamedTuple):
    """A button as it is drawn: where it leads, empty if it sends the form of its page."""

    label: str
    node: str
    href: str


def document(page: Page, members: Sequence[Member], language: Language, places: Places) -> str:
    """Return ``page`` as an HTML document.

    :param members: the nodes that it is about.
    """
    ways = [_way(page, each, members, places) for each in buttons(page, members)]
    parents = Screen.REGISTRATION.value.split(" > ") if page.screen in _FROM_MANAGEMENT else []
    return _rendered(
        "page.html",
        language,
        places,
        crumbs=[*parents, *page.screen.value.split(" > ")],
        page=page,
        members=members,
        several=len(members) > 1,
        screen=page.screen.name.lower(),
        ways=[each for each in ways if not each.node],
        ways_of={each.name: [way for way in ways if way.node == each.name] for each in members},
        fields=FIELDS,
        methods=METHODS,
        failures=failures(page, members),
        failures_in_all=len(failures(replace(page, only=EVERY), members)),
        codes=[code for code in Code if any(row.code is code for each in members for row in each.rows)],
        registered=sum(each.status in OPEN for each in members),
        viewed=viewed(page, members),
        table=places.table(page),
    )


def message(title: str, text: str, language: Language, places: Places, **values: object) -> str:
    """Return a page that says why there is no other, with the way to the first one."""
    return _rendered("message.html", language, places, crumbs=[title], text=language.say(text, **values))


@cache
def asset(name: str) -> str:
    """Return the text of one of the files that pages are made of."""
    return (files("fake_fdl_nodes") / "assets" / name).read_text(encoding="utf-8")


def _way(page: Page, button: Button, members: Sequence[Member], places: Places) -> _Way:
    if LEADS[page.screen][button.label] in WAITING:
        return _Way(button.label, button.node, "")
    return _Way(button.label, button.node, places.address(click(page, button.text, members)))


def _rendered(template: str, language: Language, places: Places, **values: Any) -> str:
    return (
        _templates()
        .get_template(template)
        .render(values, language=language, say=language.say, languages=LANGUAGES, places=places)
    )


@cache
def _templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.FunctionLoader(asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["moment"] = _moment
    templates.globals.update({"granted": granted, "open_statuses": OPEN})
    return templates


def _moment(wall_us: int) -> str:
    """Return a date as people read it. The node's pages know no other zone."""
    return shown_date(wall_us).replace("T", " ").replace("+00:00", " UTC")
