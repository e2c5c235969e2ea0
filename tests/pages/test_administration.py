"""The node's administration pages, in a real browser: each way, each failure, both languages, and who can use them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from fake_fdl_nodes.languages import LANGUAGES
from harness.outage.reading import read_record
from reference_server.protocol import Code, Instant, Register
from tests.fake_fdl_nodes.program.served import ServedProcess
from tests.fake_fdl_nodes.simulated import EPOCH, FIRST_ADDRESS, LICENCE, Simulated, served, setup
from tests.pages.conftest import Opener
from tests.programs import Server, licence, machine, unpacked

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "axe.min.js"
SERVER = "https://172.16.63.131:8081"
NOWHERE = "https://172.16.63.132:8081"
WAY = ("System Management", "Registration Management", "Version Information", "Register Now")


@pytest.fixture
def alone() -> Iterator[str]:
    with served(Simulated([setup("n")])) as url:
        yield url


@pytest.fixture
def cluster() -> Iterator[str]:
    """Three nodes that fail for three reasons: each of them is installed or placed as the licence does not have it."""
    nodes = Simulated(
        [
            setup("fdl-1", FIRST_ADDRESS, cluster="c", application="report2"),
            setup("fdl-2", FIRST_ADDRESS + 100, cluster="c"),
            setup("fdl-3", FIRST_ADDRESS + 2, cluster="c", version="FineDataLink 9"),
        ],
        replace(LICENCE, applications=("report1",)),
    )
    with served(nodes) as url:
        yield url


def walk(page: Page, *buttons: str) -> None:
    """Click links on the way, each on the page to which the one before has led."""
    for button in buttons:
        with page.expect_navigation():
            page.get_by_role("link", name=button, exact=True).click()


def submit(page: Page, server: str = SERVER) -> None:
    """Fill in the form and send it."""
    page.get_by_label("Authentication Method").select_option("Private Cloud")
    page.get_by_label("Server Address").fill(server)
    press(page, "Submit")


def press(page: Page, button: str) -> None:
    """Click a button, and wait for what comes of it."""
    with page.expect_navigation():
        page.get_by_role("button", name=button).click()


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def fact(page: Page, label: str) -> str:
    """Return what stands beside a label."""
    return page.locator("dl > div").filter(has=page.get_by_text(label, exact=True)).locator("dd").inner_text()


# With the real programs.


def test_a_node_registers_at_the_real_server(tmp_path: Path, open_address: Opener) -> None:
    root = machine(tmp_path / "m")
    options = ("--state", str(tmp_path / "n"), "--application", "report1", "--address", "127.0.0.1", "--name", "n")
    with (
        Server.started(unpacked(tmp_path / "b", licence(root, capacity=3)), root) as server,
        ServedProcess.started(root, *options, "--ca", str(server.ca)) as pages,
    ):
        page = open_address(pages.url)
        # The token has left the address.
        expect(page).to_have_url(re.compile(r"^http://127\.0\.0\.1:\d+/$"))
        for button in WAY:
            walk(page, button)
            heading(page, button)
        submit(page, server.url)
        heading(page, "Registration succeeded")
        assert (fact(page, "Status"), fact(page, "Max Connections"), fact(page, "Expires")) == (
            "registered",
            "3",
            "never",
        )
        assert fact(page, "Function points") == "FineDataLink"
        walk(page, "Back", "Unbind")
        press(page, "Unbind")
        heading(page, "The slot was given back")
        assert fact(page, "Status") == "unregistered"
        server.end()
        walk(page, "Back", "Version Information", "Register Now")
        submit(page, server.url)
        heading(page, "Registration failed")
        expect(page.get_by_role("alert")).to_contain_text("the authorization server cannot be reached")
        expect(page.get_by_role("main")).to_contain_text("firewall")
        assert pages.end() == 0


# Each failure that a node can meet.


def taken(nodes: Simulated) -> None:
    """Let another node have the only slot."""
    other = Register(number=1, installation="other", address=FIRST_ADDRESS, application="report1")
    nodes.authority.use(replace(LICENCE, capacity=1))
    nodes.authority.handle(other, FIRST_ADDRESS, Instant(0, EPOCH))


def of(**changed: Any) -> Callable[[Simulated], None]:
    """Return what makes the licence another one."""
    return lambda nodes: nodes.authority.use(replace(LICENCE, **changed))


def damaged(damage: Callable[[bytes], bytes]) -> Callable[[Simulated], None]:
    def change(nodes: Simulated) -> None:
        nodes.damage = damage

    return change


def unreachable(nodes: Simulated) -> None:
    nodes.server = NOWHERE


CAUSES: dict[Code, Callable[[Simulated], None]] = {
    Code.NO_CONNECTION: unreachable,
    # An access port is not in the table of codes.
    Code.INCORRECT_LICENSE_FORMAT: of(ports=(8080,)),
    Code.JSON_PARSER_ERROR: damaged(lambda body: body[:-1]),
    Code.PARAM_INPUT_ERROR: damaged(lambda body: body.replace(b'"report1"', b"5")),
    Code.LICENSE_EXPIRED: of(expires_us=EPOCH),
    Code.REPORT_VERSION_ERROR: of(version="FineDataLink 9"),
    Code.ACCOUNT_STATUS_ERROR: of(suspended=True),
    Code.LICENSE_IP_ERROR: of(ranges=((1 << 24, 1 << 24),)),
    Code.LICENSE_DOMAIN_ERROR: of(domains=("a.example",)),
    Code.LICENSE_APPNAME_ERROR: of(applications=("report2",)),
    Code.REGISTER_OUT_OF_LIMIT: taken,
}


def test_each_code_of_the_table_is_met() -> None:
    # The one that is left is the answer to an unbind.
    assert [code for code in Code if code not in CAUSES] == [Code.DO_NOT_NEED_DEACTIVATE]


def shows(page: Page, code: Code) -> None:
    """Make sure that a page shows the details of a failure."""
    heading(page, "Details of the failure")
    assert (fact(page, "Error code"), fact(page, "Error name")) == (code.label or "-", code.shown_name)
    assert fact(page, "Reason") == code.reason
    # The first request is sent a second after the start.
    assert fact(page, "Time") == "2026-03-01 00:00:01 UTC"


@pytest.mark.parametrize("code", CAUSES)
def test_a_failure_has_its_reason_its_details_and_its_row(code: Code, open_address: Opener) -> None:
    nodes = Simulated([setup("n")])
    CAUSES[code](nodes)
    with served(nodes) as url:
        page = open_address(url)
        walk(page, *WAY)
        submit(page)
        heading(page, "Registration failed")
        expect(page.get_by_role("alert")).to_contain_text(code.reason)
        expect(page.get_by_role("alert")).to_contain_text(code.shown_name)
        walk(page, "Details")
        shows(page, code)
        walk(page, "Back")
        heading(page, "Registration Management")
        informed = page.locator("section", has_text="Registration Information").locator("tbody tr")
        expect(informed).to_have_count(1)
        expect(informed).to_contain_text("unregistered")
        expect(informed).to_contain_text(code.reason)
        listed = page.locator("section", has_text="Failures").locator("tbody tr")
        expect(listed).to_have_count(1)
        expect(listed).to_contain_text(code.reason)
        walk(page, "View Error Details")
        shows(page, code)


def test_who_has_no_slot_has_none_to_give_back(open_address: Opener) -> None:
    nodes = Simulated([setup("n")], replace(LICENCE, capacity=1))
    taken(nodes)
    with served(nodes) as url:
        page = open_address(url)
        walk(page, *WAY)
        submit(page)
        walk(page, "Back", "Unbind")
        press(page, "Unbind")
        heading(page, "Unbinding failed")
        walk(page, "Details")
        assert fact(page, "Error code") == "20000"
        assert fact(page, "Error name") == "DO_NOT_NEED_DEACTIVATE"


# The form.


def test_a_form_is_checked_before_it_is_sent(alone: str, open_address: Opener) -> None:
    page = open_address(alone)
    walk(page, *WAY)
    press(page, "Submit")
    expect(page.get_by_role("alert")).to_have_text("Authentication Method: found nothing, expected Private Cloud")
    expect(page.get_by_label("Authentication Method")).to_be_focused()
    submit(page, "http://172.16.63.131:8081")
    expect(page.get_by_role("alert")).to_contain_text("which does not begin with https://")
    field = page.get_by_label("Server Address")
    expect(field).to_be_focused()
    expect(field).to_have_value("http://172.16.63.131:8081")
    expect(field).to_have_accessible_description(re.compile("Server Address: found"))
    expect(page).to_have_title(re.compile("^Wrong: "))
    # What was right stays, and the rest is mended.
    expect(page.get_by_label("Authentication Method")).to_have_value("Private Cloud")
    field.fill(SERVER)
    field.press("Enter")
    heading(page, "Registration succeeded")


def test_going_back_and_loading_again_asks_for_nothing(alone: str, open_address: Opener) -> None:
    page = open_address(alone)
    walk(page, *WAY)
    submit(page, NOWHERE)
    heading(page, "Registration failed")
    page.reload()
    heading(page, "Registration failed")
    page.go_back()
    heading(page, "Register Now")
    page.go_forward()
    heading(page, "Registration failed")
    walk(page, "Back")
    expect(page.get_by_text("1 of 1")).to_be_visible()


def test_it_says_that_it_is_under_way(alone: str, open_address: Opener) -> None:
    page = open_address(alone)
    walk(page, *WAY)
    said = page.locator("[data-busy]")
    page.evaluate(
        """() => {
          window.sent = [];
          document.querySelector("form").addEventListener("submit", (event) => {
            window.sent.push(event.defaultPrevented);
            event.preventDefault();
          });
        }"""
    )
    for _ in range(2):
        page.get_by_role("button", name="Submit").click()
    expect(said).to_contain_text("Registering.")
    # The second one would not have been sent.
    assert page.evaluate("window.sent") == [False, True]


# A cluster.


def test_a_cluster_shows_a_reason_for_each_node(cluster: str, open_address: Opener) -> None:
    page = open_address(cluster)
    walk(page, *WAY)
    submit(page)
    reasons = {"fdl-1": "30005", "fdl-2": "30003", "fdl-3": "30001"}
    rows = page.get_by_role("alert").locator("tbody tr")
    expect(rows).to_have_count(3)
    assert [row.locator("th, .code").first.inner_text() for row in rows.all()] == list(reasons)
    for row, code in zip(rows.all(), reasons.values(), strict=True):
        expect(row).to_contain_text(code)
    walk(page, "Details")
    heading(page, "Details of the failure")
    assert page.get_by_role("heading", level=2).all_inner_texts() == list(reasons)
    walk(page, "Back")
    for name, code in reasons.items():
        walk(page, f"View Error Details ({name})")
        heading(page, "Details of the failure")
        assert fact(page, "Error code") == code
        assert page.get_by_text("Error code", exact=True).count() == 1
        walk(page, "Back")
    expect(page.get_by_text("3 of 3")).to_be_visible()


def test_the_list_is_filtered_and_downloaded(cluster: str, open_address: Opener, tmp_path: Path) -> None:
    page = open_address(cluster)
    for server in (SERVER, NOWHERE):
        walk(page, *(WAY if server == SERVER else WAY[2:]))
        submit(page, server)
        walk(page, "Back")
    # Three nodes, each refused once and once without an answer.
    expect(page.get_by_text("6 of 6")).to_be_visible()
    page.get_by_label("Node").select_option("fdl-2")
    page.get_by_label("From the day").fill("2026-03-01")
    press(page, "Filter")
    expect(page.get_by_text("2 of 6")).to_be_visible()
    expect(page.get_by_label("From the day")).to_have_value("2026-03-01")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as a table (CSV)").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.name == "failures.csv"
    found = [(each.source, each.code) for each in read_record(file).observations]
    assert found == [("fdl-2", Code.LICENSE_IP_ERROR), ("fdl-2", Code.NO_CONNECTION)]
    page.get_by_label("Reason").select_option("/")
    press(page, "Filter")
    expect(page.get_by_text("1 of 6")).to_be_visible()
    walk(page, "Show all")
    expect(page.get_by_text("6 of 6")).to_be_visible()


# Languages.


def test_it_speaks_chinese_to_whom_it_may_and_can_be_switched(alone: str, open_address: Opener) -> None:
    page = open_address(alone, locale="zh-CN")
    say = LANGUAGES["zh"].say
    walk(page, *map(say, WAY))
    heading(page, "立即注册")
    page.get_by_label("认证方式").select_option("私有云")
    page.get_by_label("服务器地址").fill(NOWHERE)
    press(page, "提交")
    heading(page, "注册失败")
    expect(page.get_by_role("alert")).to_contain_text("无法连接授权服务器")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    walk(page, "English")
    heading(page, "Registration failed")
    walk(page, "Details")
    assert fact(page, "Reason") == "the authorization server cannot be reached"
    walk(page, "Back", "中文")
    heading(page, "注册管理")
    # Nothing is left in the other language, but for the names and the switch.
    text = page.locator("main").inner_text()
    assert set(re.findall(r"[A-Za-z]{2,}", text)) <= {"UTC", "CSV", "mm", "dd", "yyyy"}


# Who can use them.


def test_it_can_be_used_by_keys_alone(alone: str, open_address: Opener) -> None:
    page = open_address(alone)
    for button in WAY:
        while page.evaluate("document.activeElement.innerText") != button:
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        heading(page, button)
    page.get_by_label("Authentication Method").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type(SERVER)
    page.keyboard.press("Enter")
    heading(page, "Registration succeeded")


def test_it_needs_no_script(alone: str, open_address: Opener) -> None:
    page = open_address(alone, java_script_enabled=False)
    walk(page, *WAY)
    submit(page)
    heading(page, "Registration succeeded")
    walk(page, "Back", "Unbind")
    press(page, "Unbind")
    heading(page, "The slot was given back")


def test_it_can_be_used_on_a_narrow_screen(cluster: str, open_address: Opener) -> None:
    page = open_address(cluster, viewport={"width": 360, "height": 740})
    for button in WAY:
        walk(page, button)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), button
    submit(page)
    heading(page, "Registration failed")
    for button in ("Details", "Back"):
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), button
        walk(page, button)
    heading(page, "Registration Management")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def serious(page: Page) -> list[str]:
    """Return what axe-core finds that is serious or worse."""
    # The pages let no script in from elsewhere, so what looks at them comes through the debugger.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{page.url}: {each['id']}: {each['help']}: {[node['html'][:120] for node in each['nodes'][:3]]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(("nodes", "scheme"), [("alone", "light"), ("alone", "dark"), ("cluster", "light")])
def test_axe_finds_nothing_serious_on_any_page(
    request: pytest.FixtureRequest, open_address: Opener, nodes: str, scheme: str
) -> None:
    url: str = request.getfixturevalue(nodes)
    page = open_address(url, color_scheme=scheme)
    found = serious(page)
    for button in WAY:
        walk(page, button)
        found += serious(page)
    press(page, "Submit")
    found += serious(page)
    submit(page, NOWHERE)
    found += serious(page)
    for button in ("Details", "Back"):
        walk(page, button)
        found += serious(page)
    if nodes == "alone":
        walk(page, "Version Information", "Register Now")
        submit(page)
        heading(page, "Registration succeeded")
        found += serious(page)
        walk(page, "Back")
    with page.expect_navigation():
        page.get_by_role("link", name="Unbind").first.click()
    found += serious(page)
    press(page, "Unbind")
    found += serious(page)
    assert found == []


def test_axe_finds_nothing_serious_where_there_is_no_page(alone: str, open_address: Opener) -> None:
    page = open_address(f"{alone}outcome?number=none")
    heading(page, "There is no such page")
    assert serious(page) == []
    walk(page, "To the first page")
    heading(page, "FineDataLink")
    # The browser says itself what it was answered, and nothing else is said.
    (said,) = open_address.heard
    assert "404" in said
    open_address.heard.clear()
