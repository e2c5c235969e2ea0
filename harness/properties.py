"""What is true of every correct licence validator, as properties for Hypothesis to break.

A validator is whatever answers requests under a licence: the reference server, or a server of one's own. It is asked as
over HTTP, in the protocol's JSON form. The law that it is held to is stated here once more, from the documented rules;
nothing of the reference server's own checks is used.

A property happens at one instant: what a validator does in the course of days is the business of scenarios.
No property depends on the reading.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from harness.conversation import MALFORMED, Make, Session, Validator, lies_in
from harness.strategies import (
    AROUND_US,
    FIRST_ADDRESS,
    LAST_ADDRESS,
    address_texts,
    addresses,
    licences,
    malformed_bodies,
    range_lists,
    requests,
)
from reference_server.codes import Code
from reference_server.licence import Licence
from reference_server.protocol import (
    Details,
    Grant,
    Poll,
    Refusal,
    Register,
    Request,
    Unbind,
    encode_request,
    format_address,
)

__all__ = ["PROPERTIES", "Make", "Property", "Validator", "check_validator"]

_NAMES = ("a", "b", "c", "d", "e", "f")


@dataclass(frozen=True, slots=True)
class Property:
    """One property: its name, the rules it is about, and the function that raises ``AssertionError`` if it is broken.

    ``holds`` takes what starts the validator and Hypothesis's ``data()``, so that it can stand below a ``@given`` of
    one's own.
    """

    name: str
    rules: tuple[str, ...]
    holds: Callable[[Make, st.DataObject], None]


#: Every property, by its name.
PROPERTIES: dict[str, Property] = {}


def check_validator(make: Make, *, max_examples: int = 100, only: Sequence[str] = ()) -> None:
    """Try to break every property of a validator. The other settings are those of the Hypothesis profile in force.

    :param make: starts a fresh validator; it is called for every example.
    :param max_examples: how many examples each property is tried with.
    :param only: the names of the properties to try, else all of `PROPERTIES`.
    :raises AssertionError: if a property is broken, with the smallest example found, as Python that can be pasted.
    :raises ExceptionGroup: of such errors, if several are.
    :raises ValueError: if ``only`` names what is no property.
    """
    for name in only:
        if name not in PROPERTIES:
            raise ValueError(f"no property is named {name!r}; the properties are {', '.join(PROPERTIES)}")
    tried = [each for each in PROPERTIES.values() if not only or each.name in only]
    failures = [failure for each in tried if (failure := _try_to_break(each, make, max_examples)) is not None]
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {len(tried)} properties are broken", failures)


def _try_to_break(tried: Property, make: Make, max_examples: int) -> AssertionError | None:
    # What Hypothesis stores, explains and notes is about a test function, and the one below is nobody's: the message
    # tells what was sent.
    @settings(
        max_examples=max_examples,
        database=None,
        deadline=None,
        phases=[phase for phase in settings().phases if phase in (Phase.generate, Phase.shrink)],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def run(data: st.DataObject) -> None:
        tried.holds(make, data)

    about = f"{tried.name} ({', '.join(tried.rules)})"
    try:
        run()
    except AssertionError as error:
        failure = AssertionError(f"{about}: {error}")
        # The traceback that counts is the validator's own, if it raised.
        failure.__cause__ = error.__cause__
        return failure
    except Flaky as error:
        failure = AssertionError(f"{about}: broken once, and not when the same was sent again to a fresh validator")
        failure.__cause__ = error
        return failure
    return None


def _property(*rules: str) -> Callable[[Callable[[Make, st.DataObject], None]], Callable[[Make, st.DataObject], None]]:
    def enter(holds: Callable[[Make, st.DataObject], None]) -> Callable[[Make, st.DataObject], None]:
        PROPERTIES[holds.__name__] = Property(holds.__name__, rules, holds)
        return holds

    return enter


# What is sent. No node is of a cluster, because readings differ in what a cluster costs.


def _arrivals(licence: Licence) -> st.SearchStrategy[tuple[Request, int]]:
    """Return requests with their sources, which now and then are not the address that the request reports."""
    asked = requests(licence, installations=_NAMES, clusters=(None,))
    elsewhere = addresses(near=licence.ranges)
    direct = asked.map(lambda request: (request, request.address))
    return st.sampled_from([direct] * 7 + [st.tuples(asked, elsewhere)]).flatmap(lambda way: way)


def _bodies(licence: Licence) -> st.SearchStrategy[tuple[bytes, int]]:
    """Return bodies that are no request, with their sources."""
    return st.tuples(malformed_bodies(of=requests(licence)), addresses(near=licence.ranges))


def _registers(licence: Licence, *installations: str) -> st.SearchStrategy[Request]:
    """Return registers that fit ``licence``."""
    return requests(licence, kinds=(Register,), installations=installations, clusters=(None,), fitting=True)


def _like(request: Request, kind: type[Request]) -> Request:
    """Return the request of the class ``kind`` with the fields of ``request``."""
    return kind(**{each.name: getattr(request, each.name) for each in fields(request)})


# The properties.


@_property("R023", "R063", "R115")
def addresses_are_compared_as_numbers(make: Make, data: st.DataObject) -> None:
    """An address is licensed if as a number it lies in one of the ranges, ends included."""
    ranges = data.draw(range_lists())
    session = Session(make, Licence(capacity=1, ranges=ranges))
    for address in data.draw(st.lists(addresses(near=ranges), min_size=1, max_size=5)):
        answer = session.ask(Register(number=1, installation="a", address=address, application="report1"))
        session.hold_code(answer, None if lies_in(ranges, address) else Code.LICENSE_IP_ERROR)


@_property("R065", "R110")
def address_texts_are_read_strictly(make: Make, data: st.DataObject) -> None:
    """A text that is no address is a bad parameter; one that is counts as its number, and mapped IPv6 as the IPv4."""
    ranges = data.draw(st.just(((FIRST_ADDRESS, LAST_ADDRESS),)) | range_lists())
    session = Session(make, Licence(capacity=1, ranges=ranges))
    pairs = st.lists(address_texts(of=addresses(near=ranges)), min_size=1, max_size=5)
    for number, (text, address) in enumerate(data.draw(pairs), 1):
        source = ranges[0][0] if address is None else address
        request = Register(number=number, installation="a", address=source, application="report1")
        answer = session.send(json.dumps(json.loads(encode_request(request)) | {"address": text}).encode(), source)
        if address is None:
            session.hold_code(answer, Code.PARAM_INPUT_ERROR, why=f": {text!r} is no address")
        else:
            expected = None if lies_in(ranges, address) else Code.LICENSE_IP_ERROR
            session.hold_code(answer, expected, why=f": {text!r} is {format_address(address)}")


@_property("R108")
def the_first_failing_check_is_the_answer(make: Make, data: st.DataObject) -> None:
    """Of several reasons to refuse a request the first counts.

    They are: malformed, a bad parameter, expired, version, suspended, address, domain, application, port, slot; for an
    unbind: malformed, a bad parameter, address, slot.
    """
    licence = data.draw(licences())
    session = Session(make, licence, AROUND_US + data.draw(st.sampled_from([0, -1, 1])))
    for request, source in data.draw(st.lists(_arrivals(licence), min_size=1, max_size=3)):
        expected = session.verdict(request, source)
        session.hold_code(session.ask(request, source), expected)
    code = data.draw(st.sampled_from([None, *MALFORMED]))
    if code is not None:
        body = data.draw(malformed_bodies(of=requests(licence), code=code))
        answer = session.send(body, data.draw(addresses(near=licence.ranges)))
        session.hold_code(answer, code)


@_property("R066", "R116", "R117")
def names_are_compared_exactly(make: Make, data: st.DataObject) -> None:
    """An application name or domain that differs from every licensed one, in case or a space, is another one."""
    names = {"domain": Code.LICENSE_DOMAIN_ERROR, "application": Code.LICENSE_APPNAME_ERROR}
    licence = replace(data.draw(licences(in_force=True)), domains=("a.example",), applications=("report1", "Report 2"))
    session = Session(make, licence)
    right = data.draw(_registers(licence, "a"))
    for field, code in names.items():
        name = getattr(right, field)
        other = data.draw(st.sampled_from([name.upper(), name.swapcase(), f"{name} ", f" {name}", name[:-1]]))
        session.hold_code(session.ask(replace(right, **{field: other})), code, why=f": {other!r} is not licensed")
    session.hold_code(session.ask(right), None)


@_property("R018", "R108")
def a_refusal_changes_nothing(make: Make, data: st.DataObject) -> None:
    """A refused request takes no slot and frees none: whoever held one is granted the next poll."""
    licence = data.draw(licences(in_force=True))
    session = Session(make, licence)
    for register in data.draw(st.lists(_registers(licence, *_NAMES), max_size=3)):
        session.ask(register)
    for request, source in data.draw(st.lists(_arrivals(licence) | _bodies(licence), min_size=1, max_size=3)):
        before = session.registered()
        answer = session.say(request, source)
        if not isinstance(answer, Refusal):
            continue
        count = session.registered()
        session.hold(count == before, f"live slots after a refusal: {count}, not {before}")
        for holder in list(session.holders.values()):
            session.hold_code(session.ask(_like(holder, Poll)), None, why=": another request was refused, not this one")


@_property("R018", "R118")
def registering_twice_costs_one_slot(make: Make, data: st.DataObject) -> None:
    """A register of who has a slot is granted, also if every slot is taken, and takes no second one."""
    licence = data.draw(licences(in_force=True))
    session = Session(make, licence)
    names = _NAMES[: data.draw(st.integers(1, licence.capacity))]
    for name in names:
        session.ask(data.draw(_registers(licence, name)))
    again = data.draw(_registers(licence, *names))
    if again.installation in session.holders:
        session.hold_code(session.ask(again), None, why=f": {again.installation!r} holds a slot")
    session.hold_count()


@_property("R111")
def unbinding_twice_is_refused(make: Make, data: st.DataObject) -> None:
    """An unbind of who has no slot is refused with 20000, and a first unbind frees the slot for somebody else."""
    licence = data.draw(licences(in_force=True, max_capacity=2))
    session = Session(make, licence)
    register = data.draw(_registers(licence, "a"))
    session.hold_code(session.ask(_like(register, Unbind)), Code.DO_NOT_NEED_DEACTIVATE, why=": it never had a slot")
    for name in _NAMES[1 : licence.capacity]:
        session.ask(data.draw(_registers(licence, name)))
    if isinstance(session.ask(register), Refusal):
        return
    session.hold_code(session.ask(_like(register, Unbind)), None, why=": it holds a slot")
    session.hold_count()
    session.hold_code(session.ask(_like(register, Unbind)), Code.DO_NOT_NEED_DEACTIVATE, why=": it gave its slot back")
    session.hold_code(session.ask(data.draw(_registers(licence, "f"))), None, why=": a slot was given back")
    session.hold_count()


@_property("R018", "R020", "R107")
def a_poll_from_elsewhere_is_a_clone(make: Make, data: st.DataObject) -> None:
    """Just after a grant a poll from another address is refused and the holder keeps its slot; a register moves it."""
    first = data.draw(addresses().filter(lambda address: address < LAST_ADDRESS))
    licence = replace(data.draw(licences(in_force=True)), ranges=((first, first + 1),))
    session = Session(make, licence)
    here = replace(data.draw(_registers(licence, "a")), address=first)
    elsewhere = replace(here, address=first + 1)
    session.hold_code(session.ask(here), None)
    # Machines that were cloned from one another count alike, so the clone's first request may have the same number.
    clone = replace(_like(elsewhere, Poll), number=data.draw(st.sampled_from([1, 2])))
    session.hold_code(session.ask(clone, renumber=False), 0, why=": it comes from a clone of who holds the slot")
    session.hold_code(session.ask(_like(here, Poll)), None, why=": it holds the slot, whatever its clone asks")
    session.hold_code(session.ask(elsewhere), None, why=": a register moves the slot")
    session.hold_code(session.ask(_like(here, Poll)), 0, why=": the slot has moved away")
    session.hold_count()


@_property("R018", "R072", "R118")
def the_capacity_is_never_exceeded(make: Make, data: st.DataObject) -> None:
    """Whatever is sent in whatever order, each slot has its holder, and a register is refused only if all are taken."""
    licence = data.draw(licences(in_force=True))
    session = Session(make, licence)
    fitting = _registers(licence, *_NAMES).map(lambda request: (request, request.address))
    anything = fitting | _arrivals(licence) | _bodies(licence)
    for request, source in data.draw(st.lists(anything, min_size=licence.capacity, max_size=10)):
        expected = None if isinstance(request, bytes) else session.verdict(request, source)
        answer = session.say(request, source)
        count = session.registered()
        session.hold(count <= licence.capacity, f"live slots: {count}, of {licence.capacity} licensed")
        session.hold_count()
        if isinstance(request, Register) and expected in (None, Code.REGISTER_OUT_OF_LIMIT):
            session.hold_code(answer, expected)


@_property("R109", "R110")
def no_body_breaks_it(make: Make, data: st.DataObject) -> None:
    """Whatever the body is, the answer is one of the protocol; if it is malformed, a refusal with 10000 or 10001."""
    licence = data.draw(licences())
    session = Session(make, licence)
    good = requests(licence)
    bodies = {
        "any": st.binary(max_size=64),
        "changed": st.builds(_changed, good.map(encode_request), st.integers(0, 400), st.binary(max_size=2)),
        "no object": malformed_bodies(of=good, code=Code.JSON_PARSER_ERROR),
        "wrong": malformed_bodies(of=good, code=Code.PARAM_INPUT_ERROR),
        "malformed": malformed_bodies(of=good, huge=True),
    }
    codes = {"no object": MALFORMED[:1], "wrong": MALFORMED[1:], "malformed": MALFORMED}
    for way in data.draw(st.lists(st.sampled_from([*bodies, "malformed"]), min_size=1, max_size=5)):
        answer = session.send(data.draw(bodies[way]), data.draw(addresses(near=licence.ranges)))
        if way in codes:
            session.hold_code(answer, *codes[way])


def _changed(body: bytes, at: int, by: bytes) -> bytes:
    return body[:at] + by + body[at + 1 :]


@_property("R032")
def a_copy_gets_the_same_answer(make: Make, data: st.DataObject) -> None:
    """A request that comes twice gets the same answer again and changes nothing, also after a newer request."""
    licence = data.draw(licences(in_force=True))
    session = Session(make, licence)
    sent: list[tuple[bytes, int, bytes]] = []
    for request, source in data.draw(st.lists(_arrivals(licence), min_size=1, max_size=4)):
        session.ask(request, source)
        body, _, _ = session.said[-1]
        sent = [*sent[-1:], (body, source, session.answered)]
        count = session.registered()
        for copy, its_source, first in reversed(sent):
            session.send(copy, its_source)
            same = json.loads(session.answered) == json.loads(first)
            session.hold(same, f"a copy is not answered as the request was: {first!r}")
            now = session.registered()
            session.hold(now == count, f"live slots after a copy: {now}, not {count}")


@_property("R005", "R099")
def a_grant_carries_the_five_items(make: Make, data: st.DataObject) -> None:
    """A grant hands over the five items as licensed, and nothing else but the capacity, to a register and to a poll."""
    licence = data.draw(licences(in_force=True))
    session = Session(make, licence)
    expected = Details(
        function_points=licence.function_points,
        access_domains=licence.domains,
        access_ports=licence.ports,
        application_names=licence.applications,
        expires_us=licence.expires_us,
    )
    register = data.draw(_registers(licence, "a"))
    for request in (register, _like(register, Poll)):
        answer = session.ask(request)
        if not isinstance(answer, Grant):
            session.fail("what fits the licence is not granted")
        for each in fields(expected):
            found, licensed = getattr(answer.details, each.name), getattr(expected, each.name)
            session.hold(found == licensed, f"{each.name} is {found!r}, not {licensed!r}")
        session.hold(answer.capacity == licence.capacity, f"the capacity is {answer.capacity}, not {licence.capacity}")
