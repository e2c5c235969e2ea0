"""The pages as HTML: each button is there and leads where it does, strangers' words stay words, both languages."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_fdl_nodes.failures import FailureRow
from fake_fdl_nodes.languages import LANGUAGES
from fake_fdl_nodes.node import Status
from fake_fdl_nodes.page import LEADS, WAITING, Attempt, Complaint, Member, Page, Screen, buttons, click
from fake_fdl_nodes.page_html import Places, document
from reference_server.protocol import Code, Details
from tests.fake_fdl_nodes.simulated import EPOCH

EVIL = "<img src=x onerror=alert(1)>\"'&amp;"
ROW = FailureRow(EPOCH, Code.LICENSE_IP_ERROR)
DETAILS = Details(
    function_points=("FineDataLink",),
    access_domains=(EVIL,),
    access_ports=(8080,),
    application_names=(),
    expires_us=EPOCH,
)


class Found(HTMLParser):
    """What is in a document: elements, links with their texts, buttons, and whether all that is opened is closed."""

    VOID = ("meta", "link", "input", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.links: dict[str, str] = {}
        self.buttons: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self._href = ""
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        found = dict(attrs)
        self.elements[tag] += 1
        self.ids += [found["id"] or ""] if "id" in found else []
        if tag not in self.VOID:
            self._open.append(tag)
        if tag == "a":
            self._href = found["href"] or ""
            self.links[self._href] = ""
        if tag == "button":
            self.buttons.append("")
        assert not any(name.startswith("on") or name == "style" for name in found)

    def handle_endtag(self, tag: str) -> None:
        """Note the end of an element, with which a word ends."""
        assert self._open.pop() == tag
        self.text += " "

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.text += data
        if "a" in self._open:
            self.links[self._href] += data.strip()
        if "button" in self._open:
            self.buttons[-1] += data.strip()


def places() -> Places:
    return Places(
        address=lambda page: f"{page.screen.name}/{page.node}",
        table=lambda page: "table",
        speaking=lambda key: f"?{key}",
        token=EVIL,
    )


def found(page: Page, *members: Member, language: str = "en") -> Found:
    return Found(document(page, members, LANGUAGES[language], places()))


def member(name: str = "n", **more: Any) -> Member:
    return Member(name, Status.REGISTERED, 2, (ROW,), ROW.code, DETAILS, asked=True)._replace(**more)


PAGES = [
    *(Page(screen=screen, node="n", attempts=(Attempt("n", ROW),)) for screen in Screen),
    Page(screen=Screen.FORM, server=EVIL, complaint=Complaint("Server Address", "found {found}", EVIL)),
    Page(screen=Screen.UNBIND, node="n", complaint=Complaint("", "found {found}", EVIL)),
    Page(screen=Screen.REGISTRATION, complaint=Complaint("Reason", "found {found}", EVIL)),
    Page(screen=Screen.PROMPT, attempts=(Attempt("n", ROW), Attempt("m", None))),
    Page(screen=Screen.RESULT, attempts=(Attempt("n", None),)),
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.screen.name}-{bool(page.complaint)}")
def test_each_button_is_there_and_leads_where_it_does(page: Page, language: str) -> None:
    say = LANGUAGES[language].say
    for members in ([member()], [member(), member("m", failing=None, grant=None, capacity=None), Member("new")]):
        shown = found(page, *members, language=language)
        sent = []
        for button in buttons(page, members):
            if LEADS[page.screen][button.label] in WAITING:
                sent.append(say(button.label))
                continue
            after = click(page, button.text, members)
            of = f"({button.node})" if button.node and len(members) > 1 else ""
            assert shown.links[f"{after.screen.name}/{after.node}"] == say(button.label) + of
        filters = [say("Filter")] if page.screen is Screen.REGISTRATION else []
        assert shown.buttons == [*filters, *sent]
        assert len(set(shown.ids)) == len(shown.ids)
        assert shown.elements["h1"] == 1


def test_what_is_shown_is_what_there_is() -> None:
    result = found(Page(screen=Screen.RESULT, attempts=(Attempt("n", None),)), member())
    text = " ".join(result.text.split())
    assert "Max Connections 2" in text
    assert f"Access domain {EVIL} Access port 8080 Application name any Expires 2026-03-01 00:00:00 UTC" in text
    details = found(Page(screen=Screen.DETAILS, node="n"), member())
    assert "Error code 30003 Error name LICENSE_IP_ERROR" in " ".join(details.text.split())
    shown = found(Page(screen=Screen.VERSION), member(), member("m", status=Status.LAPSED))
    assert "1 of 2 nodes registered" in shown.text


@pytest.mark.parametrize(("code", "hint"), [(Code.NO_CONNECTION, True), (Code.LICENSE_IP_ERROR, False)])
def test_a_server_that_cannot_be_reached_may_be_behind_a_firewall(code: Code, hint: bool) -> None:
    page = Page(screen=Screen.PROMPT, attempts=(Attempt("n", FailureRow(EPOCH, code)),))
    assert ("firewall" in found(page, member()).text) is hint


def test_a_field_to_blame_says_so() -> None:
    page = Page(screen=Screen.FORM, complaint=Complaint("Server Address", "found {found}", "'x'"))
    text = document(page, [member()], LANGUAGES["en"], places())
    (blamed,) = re.findall(r"<(?:input|select)[^>]*aria-invalid[^>]*>", text)
    assert 'id="server"' in blamed
    assert 'aria-describedby="wrong"' in blamed
    assert "<title>Wrong: Register Now - FineDataLink (simulated)</title>" in text


@given(st.text(), st.sampled_from(PAGES), st.sampled_from(list(LANGUAGES)))
def test_somebody_elses_words_stay_words(words: str, page: Page, language: str) -> None:
    for name in (EVIL, words):
        known = member(name)
        page = replace(page, node=name, attempts=tuple(each._replace(name=name) for each in page.attempts))
        shown = found(page, known, member("other"), language=language)
        assert shown.elements["img"] == 0
        assert shown.elements["script"] == 1
