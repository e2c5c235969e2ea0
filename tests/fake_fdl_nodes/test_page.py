"""The pages of a node: each way of their table, what is not there, and what they show."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_fdl_nodes.failures import FailureRow, SavedFailures, dated, shown_date
from fake_fdl_nodes.node import NodeState, Status
from fake_fdl_nodes.page import (
    FIELDS,
    LEADS,
    WAITING,
    Attempt,
    Button,
    Member,
    Page,
    Screen,
    answered,
    buttons,
    click,
    fill,
    granted,
)
from fake_fdl_nodes.page_text import lines
from reference_server.protocol import Code, Details

#: 2026-03-01T00:00:00Z, in microseconds since the Unix epoch.
EPOCH = 1_772_323_200_000_000
SERVER = "https://172.16.63.131:8081"
FULL = FailureRow(EPOCH, Code.REGISTER_OUT_OF_LIMIT)
AWAY = FailureRow(EPOCH + 1_000_000, Code.NO_CONNECTION)
NEW = Member("alone")
REGISTERED = Member("first", Status.REGISTERED, capacity=2)
REFUSED = Member("second", rows=(FULL,), failing=Code.REGISTER_OUT_OF_LIMIT, asked=True)
UNREACHED = Member("third", Status.INTERRUPTED, 2, (FULL, AWAY), Code.NO_CONNECTION, asked=True)
CLUSTER = [REGISTERED, REFUSED, UNREACHED]
FORM = Page(screen=Screen.FORM, method="Private Cloud", server=SERVER)
SENT = click(FORM, "Submit", [NEW])
PROMPT = answered(SENT, [Attempt("second", FULL)])

#: What the document says of the way there and back, button by button: R093, R095, R098, R101 to R104, R106. Where it
#: names no way back, ours leads where its own does.
WAYS = [
    (Screen.HOME, "System Management", Screen.SYSTEM),
    (Screen.SYSTEM, "Registration Management", Screen.REGISTRATION),
    (Screen.REGISTRATION, "Version Information", Screen.VERSION),
    (Screen.REGISTRATION, "View Error Details", Screen.DETAILS),
    (Screen.VERSION, "Register Now", Screen.FORM),
    (Screen.VERSION, "Back", Screen.REGISTRATION),
    (Screen.FORM, "Submit", Screen.SENT),
    (Screen.FORM, "Back", Screen.REGISTRATION),
    (Screen.RESULT, "Back", Screen.REGISTRATION),
    (Screen.PROMPT, "Details", Screen.DETAILS),
    (Screen.PROMPT, "Back", Screen.REGISTRATION),
    (Screen.DETAILS, "Back", Screen.REGISTRATION),
    # Of giving a slot back the document names no page (Q47): ours is like the others.
    (Screen.REGISTRATION, "Unbind", Screen.UNBIND),
    (Screen.UNBIND, "Unbind", Screen.UNBINDING),
    (Screen.UNBIND, "Back", Screen.REGISTRATION),
    (Screen.UNBOUND, "Back", Screen.REGISTRATION),
    (Screen.NOT_UNBOUND, "Details", Screen.DETAILS),
    (Screen.NOT_UNBOUND, "Back", Screen.REGISTRATION),
]


def text(page: Page, *members: Member) -> str:
    return "\n".join(lines(page, members))


# The ways.


@pytest.mark.parametrize(("screen", "button", "after"), WAYS)
def test_a_button_leads_where_the_document_says(screen: Screen, button: str, after: Screen) -> None:
    page = Page(screen=screen, method="Private Cloud", server=SERVER)
    assert click(page, button, [REFUSED]).screen is after


def test_there_are_no_other_ways() -> None:
    ways = [(screen, button, after) for screen, leads in LEADS.items() for button, after in leads.items()]
    assert sorted(ways, key=repr) == sorted(WAYS, key=repr)
    assert set(LEADS) == set(Screen)


@pytest.mark.parametrize("screen", Screen)
def test_a_click_on_what_is_not_there_says_what_is(screen: Screen) -> None:
    page = Page(screen=screen)
    there = ", ".join(repr(each.text) for each in buttons(page, [NEW])) or "none"
    with pytest.raises(ValueError, match="has no button 'Close'; it has ") as wrong:
        click(page, "Close", [NEW])
    assert str(wrong.value).endswith(f"; it has {there}")
    assert repr(screen.value) in str(wrong.value)


@given(st.data())
def test_no_click_leads_out_of_the_table_and_back_leads_to_registration_management(data: st.DataObject) -> None:
    members = data.draw(st.lists(st.sampled_from(CLUSTER), min_size=1, max_size=3, unique=True))
    page = Page()
    for _ in range(data.draw(st.integers(0, 12))):
        there = buttons(page, members)
        assert len({each.text for each in there}) == len(there)
        before = page
        if page.screen in WAITING:
            failures = [data.draw(st.sampled_from([None, FULL, AWAY])) for _ in members]
            page = answered(page, [Attempt(each.name, row) for each, row in zip(members, failures, strict=True)])
            if before.screen is Screen.SENT:
                assert page.screen is (Screen.PROMPT if any(failures) else Screen.RESULT)
            else:
                assert page.screen is (Screen.NOT_UNBOUND if any(failures) else Screen.UNBOUND)
        elif page.screen is Screen.FORM and data.draw(st.booleans()):
            page = fill(fill(page, "Authentication Method", "Private Cloud"), "Server Address", SERVER)
            assert page.screen is Screen.FORM
        else:
            button = data.draw(st.sampled_from(there))
            page = click(page, button.text, members)
            stays = button.label == "Submit" and before.method == ""
            assert page.screen is (Screen.FORM if stays else LEADS[before.screen][button.label])
            assert button.label != "Back" or page.screen is Screen.REGISTRATION
        shown = lines(page, members)
        assert shown[0] == page.screen.value
        assert all(f"[{each.text}]" in "\n".join(shown) for each in buttons(page, members))


# The form.


def test_what_is_typed_stays_until_the_next_registration() -> None:
    page = fill(fill(Page(screen=Screen.FORM), "Server Address", SERVER), "Authentication Method", "Private Cloud")
    assert page == FORM
    assert (SENT.screen, SENT.server) == (Screen.SENT, SERVER)
    again = click(Page(screen=Screen.VERSION, method="Private Cloud", server=SERVER), "Register Now", [NEW])
    assert again == Page(screen=Screen.FORM)


@pytest.mark.parametrize("screen", [screen for screen in Screen if screen is not Screen.FORM])
@pytest.mark.parametrize("field", FIELDS)
def test_only_the_form_has_fields(screen: Screen, field: str) -> None:
    with pytest.raises(ValueError, match=f"has no field '{field}'; it has none"):
        fill(Page(screen=screen), field, "Private Cloud")


def test_a_field_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match="no field 'Port'; it has 'Authentication Method', 'Server Address'"):
        fill(FORM, "Port", "8081")


def test_only_private_cloud_can_be_chosen() -> None:
    with pytest.raises(ValueError, match="Authentication Method: found 'Public Cloud', expected Private Cloud"):
        fill(FORM, "Authentication Method", "Public Cloud")


@pytest.mark.parametrize(
    ("method", "server", "complaint"),
    [
        ("", SERVER, "Authentication Method: found nothing, expected Private Cloud"),
        ("Private Cloud", "", "Server Address: found '', "),
        ("Private Cloud", "http://172.16.63.131:8081", "Server Address: found 'http://172.16.63.131:8081', "),
    ],
)
def test_a_form_that_is_not_filled_in_stays(method: str, server: str, complaint: str) -> None:
    page = Page(screen=Screen.FORM, method=method, server=server)
    stayed = click(page, "Submit", [NEW])
    assert (stayed.screen, stayed.method, stayed.server) == (Screen.FORM, method, server)
    assert str(stayed.complaint).startswith(complaint)
    assert stayed.failed
    assert str(stayed.complaint) in lines(stayed, [NEW])
    # Whoever types again, or goes elsewhere, has read it.
    assert fill(stayed, "Server Address", SERVER).complaint is None
    assert click(stayed, "Back", [NEW]).complaint is None


# What came of it.


def test_an_answer_follows_a_submit_only() -> None:
    with pytest.raises(
        ValueError, match="found an answer on the page 'FineDataLink', expected one after Submit or Unbind only"
    ):
        answered(Page(), [Attempt("alone", None)])


def test_a_success_shows_the_status_and_max_connections() -> None:
    page = answered(SENT, [Attempt("first", None)])
    assert not page.failed
    assert lines(page, [REGISTERED]) == [
        "Registration succeeded",
        "  status           registered",
        "  Max Connections  2",
        "[Back]",
    ]


def test_a_failure_has_one_reason_its_details_and_a_way_back() -> None:
    assert PROMPT.failed
    reason = "30007 REGISTER_OUT_OF_LIMIT: every licensed slot is taken"
    assert lines(PROMPT, [REFUSED]) == ["Registration failed", reason, "[Details] [Back]"]
    details = [
        "Details of the failure",
        "  time        2026-03-01T00:00:00+00:00",
        "  error code  30007",
        "  error name  REGISTER_OUT_OF_LIMIT",
        "  reason      every licensed slot is taken",
        "[Back]",
    ]
    assert lines(click(PROMPT, "Details", [REFUSED]), [REFUSED]) == details
    back = click(PROMPT, "Back", [REFUSED])
    assert lines(back, [REFUSED]) == [
        "System Management > Registration Management",
        "Registration Information",
        f"  second  unregistered  {reason}  [View Error Details] [Unbind]",
        "Failures",
        f"  2026-03-01T00:00:00+00:00  {reason}",
        "[Version Information]",
    ]
    assert lines(click(back, "View Error Details", [REFUSED]), [REFUSED]) == details


def test_what_the_table_does_not_list_has_no_code() -> None:
    generic = FailureRow(EPOCH, Code.INCORRECT_LICENSE_FORMAT)
    page = click(answered(SENT, [Attempt("alone", generic)]), "Details", [NEW])
    assert lines(page, [NEW])[2:4] == ["  error code  -", "  error name  Incorrect License Format"]


def test_a_cluster_has_a_row_for_each_member_and_details_of_each_that_failed() -> None:
    attempts = [Attempt("first", None), Attempt("second", FULL), Attempt("third", AWAY)]
    page = answered(SENT, attempts)
    assert lines(page, CLUSTER) == [
        "Registration failed",
        "  first   registered",
        "  second  30007 REGISTER_OUT_OF_LIMIT: every licensed slot is taken",
        "  third   /: the authorization server cannot be reached",
        "[Details] [Back]",
    ]
    details = text(click(page, "Details", CLUSTER), *CLUSTER)
    assert [word for word in ("first", "second", "third") if f"node        {word}" in details] == ["second", "third"]
    back = click(click(page, "Details", CLUSTER), "Back", CLUSTER)
    shown = lines(back, CLUSTER)
    assert [line.split()[0] for line in shown[2:5]] == ["first", "second", "third"]
    assert "[" not in shown[2]
    assert shown[3].endswith("[View Error Details of second] [Unbind second]")
    third = text(click(back, "View Error Details of third", CLUSTER), *CLUSTER)
    assert "error code  /" in third
    assert "30007" not in third
    with pytest.raises(ValueError, match="no button 'View Error Details of first'"):
        click(back, "View Error Details of first", CLUSTER)


def test_the_failures_of_all_members_are_listed_in_order_of_time() -> None:
    # The second failed at 0 s and at 2 s, the third at 0 s and at 1 s. At one instant the order is the nodes'.
    twice = REFUSED._replace(rows=(FULL, FULL._replace(wall_us=EPOCH + 2_000_000)))
    shown = lines(Page(screen=Screen.REGISTRATION), [twice, UNREACHED])
    assert [line.split()[:2] for line in shown[shown.index("Failures") + 1 : -1]] == [
        ["2026-03-01T00:00:00+00:00", "second"],
        ["2026-03-01T00:00:00+00:00", "third"],
        ["2026-03-01T00:00:01+00:00", "third"],
        ["2026-03-01T00:00:02+00:00", "second"],
    ]


def test_version_information_says_whether_all_are_registered() -> None:
    page = Page(screen=Screen.VERSION)
    assert "FineDataLink, registered" in lines(page, [REGISTERED, UNREACHED])
    assert "FineDataLink, not registered" in lines(page, CLUSTER)


# Giving a slot back.


def test_a_slot_is_given_back_by_the_node_that_was_chosen() -> None:
    asked = [REGISTERED._replace(asked=True), UNREACHED]
    page = click(Page(screen=Screen.REGISTRATION), "Unbind third", asked)
    assert lines(page, asked) == [
        "System Management > Registration Management > Unbind",
        "  third  interrupted",
        "[Unbind] [Back]",
    ]
    sent = click(page, "Unbind", asked)
    assert (sent.screen, sent.node) == (Screen.UNBINDING, "third")
    after = [asked[0], UNREACHED._replace(status=Status.UNREGISTERED)]
    assert lines(answered(sent, [Attempt("third", None)]), after) == [
        "The slot was given back",
        "  third  unregistered",
        "[Back]",
    ]
    failed = answered(sent, [Attempt("third", AWAY)])
    assert lines(failed, asked) == [
        "Unbinding failed",
        "/: the authorization server cannot be reached",
        "[Details] [Back]",
    ]
    assert "error code  /" in text(click(failed, "Details", asked), *asked)


def test_a_node_that_never_asked_anybody_has_nobody_to_give_a_slot_back_to() -> None:
    with pytest.raises(ValueError, match="no button 'Unbind'; it has 'Version Information'"):
        click(Page(screen=Screen.REGISTRATION), "Unbind", [NEW])


# What was granted.


def test_a_result_shows_all_of_the_grant() -> None:
    # 2027-01-01T00:00:00Z: the first instant after the licence's last day.
    details = Details(
        function_points=("FineDataLink",),
        access_domains=("a.example", "b.example"),
        access_ports=(8080,),
        application_names=(),
        expires_us=1_798_761_600_000_000,
    )
    page = answered(SENT, [Attempt("first", None)])
    assert lines(page, [REGISTERED._replace(grant=details)])[2:-1] == [
        "  Max Connections   2",
        "  Function points   FineDataLink",
        "  Access domain     a.example, b.example",
        "  Access port       8080",
        "  Application name  any",
        "  Expires           2027-01-01T00:00:00+00:00",
    ]
    assert granted(replace(details, expires_us=None))[-1] == ("Expires", (), "never")


# A node by what it keeps.


@pytest.mark.parametrize(("since_success", "failing"), [(True, Code.NO_CONNECTION), (False, None)])
def test_a_failure_is_shown_until_the_next_success(since_success: bool, failing: Code | None) -> None:
    saved = SavedFailures((FULL, AWAY), Code.NO_CONNECTION, since_success)
    state = NodeState(3, Status.REGISTERED, 0, None, 5, 0, saved)
    member = Member.of("n", state)
    assert member == Member("n", Status.REGISTERED, 5, (FULL, AWAY), failing, asked=True)
    assert member.failure == (AWAY if since_success else None)


def test_a_node_that_was_never_asked_is_unregistered() -> None:
    assert Member.of("n", None) == Member("n", Status.UNREGISTERED, None, (), None)
    assert buttons(Page(screen=Screen.REGISTRATION), [NEW]) == [
        Button("Version Information", text="Version Information")
    ]


def test_a_date_is_the_nearest_second() -> None:
    assert shown_date(EPOCH - 3) == "2026-03-01T00:00:00+00:00"
    assert shown_date(EPOCH + 499_999) == "2026-03-01T00:00:00+00:00"
    assert shown_date(EPOCH + 500_000) == "2026-03-01T00:00:01+00:00"


@pytest.mark.parametrize(("wall_us", "year"), [(1 << 62, 9999), (-(1 << 62), 1)])
def test_a_date_beyond_the_calendar_is_its_end(wall_us: int, year: int) -> None:
    assert dated(wall_us).year == year
