"""Reading and checking an application: each row of the document's table, right and wrong (R054 to R073)."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.issuer.application import RECIPIENT, examine, template
from tests.reference_server.issuer.applications import CONTRACT, mail, read, rif_of

GOOD_MAIL = mail(b"x" * 300, receipt=b"y" * 100)


@pytest.fixture
def rif(tmp_path: Path) -> bytes:
    return rif_of(tmp_path).to_bytes()


def test_a_right_application_says_what_is_asked_for(rif: bytes) -> None:
    found = read(mail(rif))
    assert found.findings == []
    assert found.contract == CONTRACT
    assert found.ranges == ((0xC0A86419, 0xC0A8641A),)
    assert (found.applications, found.capacity) == (("report1", "report2"), 2)
    assert (found.server_domain, found.server_address) == ("licence.example.com", None)
    assert found.rif is not None


WRONG: list[tuple[str, str, dict[str, Any]]] = [
    ("R054", "Company name", {"fields": {"Company name": "Nobody"}, "subject": "Nobody Registration for FineDataLink"}),
    ("R055", "From", {"sender": "someone@example.com"}),
    ("R055", "From", {"sender": ""}),
    ("R055", "From", {"sender": "it@example.com, someone@example.com"}),
    ("R056", "To", {"to": "sales@fanruan.com"}),
    ("R058", "Subject", {"subject": "Registration for FineDataLink Official Authorization File"}),
    ("R059", "Company name", {"fields": {"Company name": None}}),
    ("R059", "Project name", {"fields": {"Project name": ""}}),
    ("R059", "Contract signing date", {"fields": {"Contract signing date": "15/01/2026"}}),
    ("R059", "Contract signing date", {"fields": {"Contract signing date": "2026-01-15"}}),
    ("R059", "Contract signing date", {"fields": {"Contract signing date": "2026/02/30"}}),
    ("R059", "Contract signing date", {"fields": {"Contract signing date": "2026/01/16"}}),
    ("R060", "Registration method", {"fields": {"Registration method": "Public cloud authentication"}}),
    ("R061", "FineDataLink version", {"fields": {"FineDataLink version": None}}),
    ("R061", "FineDataLink version", {"fields": {"FineDataLink version": "FineReport"}}),
    ("R063", "FineDataLink IP address", {"fields": {"FineDataLink IP address": "192.168.100.26 - 192.168.100.25"}}),
    ("R063", "FineDataLink IP address", {"fields": {"FineDataLink IP address": "192.168.010.1"}}),
    ("R063", "FineDataLink IP address", {"fields": {"FineDataLink IP address": "192.168.0.0/24"}}),
    ("R064", "FineDataLink IP address", {"fields": {"FineDataLink IP address": None}}),
    ("R065", "FineDataLink IP address", {"fields": {"FineDataLink IP address": "0.255.255.255"}}),
    ("R065", "FineDataLink IP address", {"fields": {"FineDataLink IP address": "fd00::1"}}),
    ("R066", "FineDataLink project name", {"fields": {"FineDataLink project name": "x" * 256}}),
    ("R069", "Authorization server domain", {"fields": {"Authorization server domain": "https://www.example.com"}}),
    ("R069", "Authorization server domain", {"fields": {"Authorization server domain": "www.example.com:8081"}}),
    (
        "R070",
        "Public IP address of the authorization server",
        {"fields": {"Public IP address of the authorization server": "192.168.0.1"}},
    ),
    ("R072", "Authorization capacity", {"fields": {"Authorization capacity": "0"}}),
    ("R072", "Authorization capacity", {"fields": {"Authorization capacity": "many"}}),
]


@pytest.mark.parametrize(("rule", "field", "wrong"), WRONG)
def test_a_wrong_field_is_refused_by_its_rule(rif: bytes, rule: str, field: str, wrong: dict[str, Any]) -> None:
    refusals = [(each.rule, each.field) for each in read(mail(rif, **wrong)).findings if each.refusal]
    assert refusals == [(rule, field)]


@pytest.mark.parametrize(
    ("rule", "field", "wrong"),
    [
        ("R057", "Subject", {"subject": "Example Ltd asks for a licence"}),
        ("R062", "FineDataLink IP address", {"fields": {"FineDataLink IP address": "8.8.8.8"}}),
        ("R062", "FineDataLink IP address", {"fields": {"FineDataLink IP address": "10.0.0.1 - 11.0.0.1"}}),
        ("R068", "Authorization server domain", {"fields": {"Authorization server domain": ""}}),
        ("R072", "Authorization capacity", {"fields": {"Authorization capacity": ""}}),
    ],
)
def test_a_doubtful_field_is_warned_of(rif: bytes, rule: str, field: str, wrong: dict[str, Any]) -> None:
    found = read(mail(rif, **wrong))
    assert [(each.rule, each.field, each.refusal) for each in found.findings] == [(rule, field, False)]
    assert not found.refused


def test_public_addresses_are_refused_where_only_private_ones_are_wanted(rif: bytes) -> None:
    wrong = {"FineDataLink IP address": "192.168.0.1, 8.8.8.8"}
    found = read(mail(rif, fields=wrong), private_only=True)
    assert [(each.rule, each.found, each.refusal) for each in found.findings] == [("R062", "8.8.8.8", True)]


def test_nodes_with_public_addresses_may_need_the_public_address_of_the_server(rif: bytes) -> None:
    fields = {"FineDataLink IP address": "8.8.8.8", "Authorization server domain": ""}
    assert {each.rule for each in read(mail(rif, fields=fields)).findings} == {"R062", "R068", "R070"}


def test_without_a_capacity_it_is_one_and_without_names_any(rif: bytes) -> None:
    found = read(mail(rif, fields={"Authorization capacity": None, "FineDataLink project name": None}))
    assert (found.capacity, found.applications) == (1, ())


def test_everything_wrong_is_told_at_once(rif: bytes) -> None:
    fields = {"Project name": "", "FineDataLink version": "", "FineDataLink IP address": "1.2.3, 0.0.0.0, 9.9.9.9"}
    found = read(mail(None, sender="x@y.example", to="z@y.example", fields=fields))
    assert sorted(each.rule for each in found.findings if each.refusal) == [
        "R055",
        "R056",
        "R059",
        "R061",
        "R063",
        "R065",
        "R073",
    ]


def test_a_list_may_go_on_over_lines_and_a_colon_be_a_wide_one(rif: bytes) -> None:
    text = mail(rif, fields={"FineDataLink IP address": "192.168.0.1\n  192.168.0.5 -192.168.0.7,\n192.168.0.9"})
    found = read(text)
    assert [(first & 255, last & 255) for first, last in found.ranges] == [(1, 1), (5, 7), (9, 9)]
    body = "Company name\N{FULLWIDTH COLON} Example Ltd\nPROJECT  NAME: Data\n"
    rules = [each.field for each in read(mail(rif, body=body)).findings]
    assert "Company name" not in rules
    assert "Project name" not in rules


@pytest.mark.parametrize("sender", ["it@example.com <evil@evil.example>", '"', "<", "it@[1", "=?x?b?=?="])
def test_a_sender_that_pretends_or_makes_no_sense_is_not_the_one_of_the_contract(rif: bytes, sender: str) -> None:
    data = mail(rif).replace(b"From: it@example.com", b"From: " + sender.encode())
    assert [(each.rule, each.field) for each in read(data).findings] == [("R055", "From")]


def test_the_issuer_may_be_one_of_several_recipients(rif: bytes) -> None:
    assert read(mail(rif, to="sales@fanruan.com, business@fanruan.com")).findings == []


def test_a_label_that_stands_twice_means_nothing_for_sure(rif: bytes) -> None:
    fields = {"Authorization capacity": "1\nAuthorization capacity: 500"}
    assert [(each.rule, each.found) for each in read(mail(rif, fields=fields)).findings] == [("R072", "it twice")]


# Attachments.


def test_attachments_are_found_however_deep_they_lie(rif: bytes) -> None:
    inner = EmailMessage()
    inner.set_content("see below")
    inner.add_attachment(rif, maintype="application", subtype="octet-stream", filename="MachineInfo.rif")
    outer = email.message_from_bytes(mail(None), policy=email.policy.default)
    assert isinstance(outer, EmailMessage)
    outer.make_mixed()
    outer.attach(inner)
    assert read(bytes(outer)).findings == []


@pytest.mark.parametrize("kind", [b"application/octet-stream", b"text/plain; charset=nope", b"odd", b"image/png"])
def test_an_odd_type_or_charset_of_an_attachment_is_no_matter(rif: bytes, kind: bytes) -> None:
    data = mail(rif).replace(b"Content-Type: application/octet-stream", b"Content-Type: " + kind)
    assert read(data).rif is not None


@given(cut=st.lists(st.tuples(st.integers(0, 3000), st.binary(max_size=6)), max_size=5))
def test_no_mail_whatsoever_breaks_it(cut: list[tuple[int, bytes]]) -> None:
    data = bytearray(GOOD_MAIL)
    for at, put in cut:
        data[at : at + len(put)] = put
    for finding in read(bytes(data)).findings:
        assert str(finding)


def test_two_descriptions_are_one_too_many(rif: bytes) -> None:
    twice = mail(rif).replace(b"--\n", b"--\n", 1)
    message = mail(rif, receipt=rif).replace(b"receipt.fr", b"MachineInfo.rif")
    assert [each.rule for each in read(twice).findings] == []
    assert [(each.rule, each.found) for each in read(message).findings] == [("R073", "2 MachineInfo.rif")]


def test_a_description_that_was_edited_is_refused(rif: bytes) -> None:
    found = read(mail(rif.replace(b"id-of-one", b"id-of-two")))
    assert [each.rule for each in found.findings] == ["R003"]
    assert found.rif is None


def test_other_attachments_are_warned_of(rif: bytes) -> None:
    found = read(mail(rif, receipt=b"x").replace(b"receipt.fr", b"logo.png"))
    assert [(each.rule, each.found, each.refusal) for each in found.findings] == [("R073", "'logo.png'", False)]


def test_a_mail_without_plain_text_has_no_body(rif: bytes) -> None:
    found = read(mail(rif).replace(b"text/plain", b"text/html"))
    assert ("R059", "body") in [(each.rule, each.field) for each in found.findings]


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe\x00", b"no mail at all", b"Content-Type: text/plain; charset=nope\n\nx"]
)
def test_what_is_no_mail_is_refused_for_all_that_it_lacks(data: bytes) -> None:
    found = examine(data, (CONTRACT,))
    assert {"R055", "R056", "R059", "R060", "R061", "R064", "R073"} <= {each.rule for each in found.findings}


# The form to fill in.


def test_a_template_lacks_just_what_only_the_applicant_knows(rif: bytes) -> None:
    found = read(template(rif))
    assert [each.field for each in found.findings if each.refusal] == [
        "Company name",
        "Project name",
        "Contract signing date",
    ]
    assert RECIPIENT.encode() in template(None)
    filled = (
        template(rif)
        .replace(b"YOUR COMPANY", b"Example Ltd")
        .replace(b"<you@example.com>", b"<it@example.com>")
        .replace(b"Company name:", b"Company name: Example Ltd")
        .replace(b"Project name:\n", b"Project name: Data\n", 1)
        .replace(b"YYYY/MM/DD", b"2026/01/15")
    )
    assert [each.rule for each in read(filled).findings] == ["R068"]
