"""The administration pages as a web application, for nodes of any kind: those of this machine, or simulated ones.

It can be mounted in another application: all its addresses are relative, and it knows the nodes by `Nodes` alone. Each
page has an address; what came of a Submit or an Unbind is kept for a while under a number of its own, so whoever loads
it again, or goes back, asks for nothing twice. A form is taken from the application's own pages only: it has to carry
the token, and the browser has to say that it comes from here.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from fake_fdl_nodes.failure_list import EVERY, Filter, csv_text
from fake_fdl_nodes.languages import LANGUAGES, Language, preferred
from fake_fdl_nodes.page import WAITING, Attempt, Complaint, Member, Page, Screen, answered, click, failures, fill
from fake_fdl_nodes.page_html import Places, asset, document, message
from reference_server.protocol import Code

__all__ = ["HEADERS", "Nodes", "NotAskedError", "administration"]

#: What a browser may do with the pages: show them, with their own style sheet and script, and send their forms back.
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
#: The screens that have a path; those that tell what came of something share one.
_PATHS = {
    Screen.HOME: ".",
    Screen.SYSTEM: "system",
    Screen.REGISTRATION: "registration",
    Screen.VERSION: "version",
    Screen.FORM: "register",
    Screen.UNBIND: "unbind",
    Screen.DETAILS: "details",
}
_SCREENS = {path: screen for screen, path in _PATHS.items()} | {"outcome": Screen.RESULT}
#: The pages that have a node ask for something, with the button that does.
_PRESSED = {Screen.FORM: "Submit", Screen.UNBIND: "Unbind"}
_LANGUAGE = "language"
#: No form of these pages is longer, in bytes.
_LARGEST_FORM = 1 << 14
#: So many outcomes are kept.
_MOST_OUTCOMES = 200

#: What complaints about a filter and about a press say.
NO_DAY = "found {found}, expected a day such as 2026-03-01"
NO_CODE = "found {found}, expected one of the reasons that can be chosen"
UNDER_WAY = "a request is under way already; wait until it is answered"
#: What pages say that stand for another one.
NOT_FOUND = ("There is no such page", "Nothing is here, or no longer: outcomes are kept for a while only.")
NOT_FROM_HERE = (
    "Not sent",
    "The form did not come from one of these pages, or the program has been started anew since. Begin again.",
)
NOT_UNDERSTOOD = ("Not understood", "The request is none of those that these pages send.")
MESSAGES = (NOT_FOUND, NOT_FROM_HERE, NOT_UNDERSTOOD)


class NotAskedError(Exception):
    """A node was not asked, because of what ``complaint`` says."""

    def __init__(self, complaint: Complaint) -> None:
        self.complaint = complaint
        super().__init__(str(complaint))


class Nodes(Protocol):
    """The nodes that pages are about: one that stands alone, or those of a cluster."""

    def members(self) -> Sequence[Member]:
        """Return each node as the pages show it, at least one."""

    async def register(self, server: str) -> Sequence[Attempt]:
        """Register each node at the Server Address ``server``, and return what came of each, in order.

        :raises NotAskedError: if not all can be asked to; then none is.
        """

    async def unbind(self, name: str) -> Sequence[Attempt]:
        """Have the node ``name`` give its slot back, and return what came of it.

        :raises NotAskedError: if it cannot be asked to.
        """


def administration(nodes_of: Callable[[Request], Nodes | None], *, token: str) -> Starlette:
    """Return the application.

    :param nodes_of: the nodes that a request is about, ``None`` if there are none such: those of a program, or those
        that the path names under which this is mounted. That path has to end with a slash.
    :param token: a secret that forms carry, so that other pages cannot send one.
    """
    return _Administration(nodes_of, token).application()


class _Administration:
    def __init__(self, nodes_of: Callable[[Request], Nodes | None], token: str) -> None:
        self._nodes_of = nodes_of
        self._token = token
        #: What came of what was pressed, by its number.
        self._outcomes: dict[str, Page] = {}
        #: The nodes that wait for an answer.
        self._waiting: list[str] = []

    def application(self) -> Starlette:
        """Return the application over this."""
        return Starlette(
            routes=[
                Route("/style.css", _asset("text/css")),
                Route("/script.js", _asset("text/javascript")),
                Route("/failures.csv", self.table),
                *(Route(f"/{_path(_PATHS[screen])}", self.press, methods=["POST"]) for screen in _PRESSED),
                *(Route(f"/{_path(path)}", self.show, methods=["GET"]) for path in _SCREENS),
            ],
            exception_handlers={HTTPException: self.instead},
        )

    # What is asked for.

    async def show(self, request: Request) -> Response:
        """Answer with a page, or keep the language that was chosen."""
        if request.query_params.get(_LANGUAGE) in LANGUAGES:
            return _speaking(request)
        nodes = self._nodes(request)
        page = self._page(request, nodes.members())
        return self._document(request, page, nodes)

    async def table(self, request: Request) -> Response:
        """Answer with the failures as a file."""
        members = self._nodes(request).members()
        page = _listing(request.query_params)
        if page.complaint is not None:
            raise HTTPException(400)
        # A spreadsheet takes a text for UTF-8 only if it is marked so.
        text = csv_text(failures(page, members)).encode("utf-8-sig")
        headers = HEADERS | {"content-disposition": 'attachment; filename="failures.csv"'}
        return Response(text, headers=headers, media_type="text/csv; charset=utf-8")

    async def press(self, request: Request) -> Response:
        """Have nodes ask for what the button of the page stands for, and lead to what came of it."""
        nodes = self._nodes(request)
        form = await _form(request)
        if not (_same_origin(request) and hmac.compare_digest(form.get("token", "").encode(), self._token.encode())):
            raise HTTPException(403)
        page = self._page(request, nodes.members())
        try:
            if page.screen is Screen.FORM:
                page = fill(page, "Server Address", form.get("server", "").strip())
                page = fill(page, "Authentication Method", form["method"]) if form.get("method") else page
            sent = click(page, _PRESSED[page.screen], nodes.members())
        except ValueError:
            raise HTTPException(400) from None
        if sent.screen not in WAITING:
            return self._document(request, sent, nodes)
        try:
            done = answered(sent, await self._ask(sent, nodes))
        except NotAskedError as error:
            return self._document(request, replace(page, complaint=error.complaint), nodes)
        number = secrets.token_urlsafe(6)
        self._outcomes[number] = done
        if len(self._outcomes) > _MOST_OUTCOMES:
            del self._outcomes[next(iter(self._outcomes))]
        return RedirectResponse(f"outcome?{urlencode({'number': number})}", 303, HEADERS)

    async def instead(self, request: Request, error: Exception) -> Response:
        """Answer with a page that says why there is no other."""
        assert isinstance(error, HTTPException), "the handler is that of these"
        title, text = {404: NOT_FOUND, 403: NOT_FROM_HERE}.get(error.status_code, NOT_UNDERSTOOD)
        page = message(title, text, _language(request), self._places(request))
        return HTMLResponse(page, error.status_code, HEADERS | dict(error.headers or {}))

    # What that takes.

    def _nodes(self, request: Request) -> Nodes:
        nodes = self._nodes_of(request)
        if nodes is None:
            raise HTTPException(404)
        return nodes

    async def _ask(self, sent: Page, nodes: Nodes) -> Sequence[Attempt]:
        names = [each.name for each in nodes.members()]
        if any(name in self._waiting for name in names):
            raise NotAskedError(Complaint("", UNDER_WAY))
        self._waiting += names
        try:
            return await (nodes.register(sent.server) if sent.screen is Screen.SENT else nodes.unbind(sent.node))
        finally:
            self._waiting = [name for name in self._waiting if name not in names]

    def _page(self, request: Request, members: Sequence[Member]) -> Page:
        """Return the page at the address of a request."""
        query = request.query_params
        screen = _SCREENS[request.url.path.rpartition("/")[2] or "."]
        if screen is Screen.REGISTRATION:
            return _listing(query)
        number = query.get("number")
        if screen is Screen.RESULT or number is not None:
            done = self._outcomes.get(number or "")
            names = [each.name for each in members]
            # Where several nodes have pages, each has outcomes of its own.
            if done is None or any(each.name not in names for each in done.attempts):
                raise HTTPException(404)
            return done if screen is Screen.RESULT else replace(done, screen=screen)
        page = Page(screen=screen, node=query.get("node", ""))
        known = [each for each in members if each.name == page.node]
        if screen is Screen.UNBIND and not (known and known[0].asked):
            raise HTTPException(404)
        if screen is Screen.DETAILS and not (known and known[0].failing is not None):
            raise HTTPException(404)
        return page

    def _document(self, request: Request, page: Page, nodes: Nodes) -> Response:
        text = document(page, nodes.members(), _language(request), self._places(request))
        return HTMLResponse(text, headers=HEADERS | {"vary": "cookie, accept-language"})

    def _places(self, request: Request) -> Places:
        query = request.query_params
        return Places(
            address=lambda page: _address(page, query.get("number")),
            table=lambda page: _with("failures.csv", _query_of(page.only)),
            speaking=lambda key: f"?{urlencode(dict(query) | {_LANGUAGE: key})}",
            token=self._token,
        )


def _path(path: str) -> str:
    return "" if path == "." else path


def _asset(kind: str) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        return Response(asset(request.url.path.rpartition("/")[2]), headers=HEADERS, media_type=kind)

    return answer


# Addresses.


def _address(page: Page, number: str | None) -> str:
    """Return the address of ``page``. ``number`` is that of the outcome from which a button leads to it."""
    path = _PATHS[page.screen]
    if page.screen is Screen.REGISTRATION:
        return _with(path, _query_of(page.only))
    if page.node:
        return _with(path, {"node": page.node})
    return _with(path, {"number": number} if page.screen is Screen.DETAILS and number else {})


def _with(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _query_of(only: Filter) -> dict[str, str]:
    code = None if only.code is None else int(only.code)
    found = {"node": only.node, "code": code, "since": only.since, "until": only.until}
    return {key: str(value) for key, value in found.items() if value not in (None, "")}


def _listing(query: Mapping[str, str]) -> Page:
    """Return the page of Registration Management with the filter of ``query``, or with what is wrong with that."""
    code, days, complaint = None, {}, None
    if query.get("code"):
        try:
            code = Code(int(query["code"]))
        except ValueError:
            complaint = Complaint("Reason", NO_CODE, repr(query["code"]))
    for key, label in (("since", "From the day"), ("until", "To the day")):
        if query.get(key):
            try:
                days[key] = date.fromisoformat(query[key])
            except ValueError:
                complaint = Complaint(label, NO_DAY, repr(query[key]))
    if complaint is not None:
        return Page(screen=Screen.REGISTRATION, complaint=complaint, only=EVERY)
    return Page(screen=Screen.REGISTRATION, only=Filter(node=query.get("node", ""), code=code, **days))


# What a browser says.


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_FORM:
            raise HTTPException(413)
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError:
        raise HTTPException(400) from None


def _same_origin(request: Request) -> bool:
    """Tell whether a form comes from the pages of this address, as far as the browser says."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _language(request: Request) -> Language:
    """Return the language that was chosen, or else the one that the browser likes best."""
    chosen = request.cookies.get(_LANGUAGE, "")
    if chosen not in LANGUAGES:
        chosen = preferred(request.headers.get("accept-language", ""))
    return LANGUAGES[chosen]


def _speaking(request: Request) -> Response:
    """Keep the language that was chosen, and lead to the same page without the choice in its address."""
    query = dict(request.query_params)
    chosen = query.pop(_LANGUAGE)
    path = request.url.path.rpartition("/")[2] or "."
    response = RedirectResponse(_with(path, query), 303, HEADERS)
    response.set_cookie(_LANGUAGE, chosen, max_age=365 * 86_400, samesite="strict", httponly=True)
    return response
