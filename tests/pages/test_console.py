"""The live console, in a real browser: travel, break in, take back, branch, save, and two browsers on one console."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from harness.report.timeline.palette import TONES
from harness.runner import Outcome
from harness.scenario_file import loads
from tests.harness.console.worlds import HOUR, LITERALLY, THREE
from tests.pages.conftest import Opener
from tests.pages.served import Served
from tests.pages.test_timeline import colour_at, serious, settled

pytestmark = pytest.mark.browser

#: Whose lane, which button, what stands in which field, and what happens then.
CLICKS: list[tuple[str, str, dict[str, str], str]] = [
    ("server", "clock.step", {"by": "-2m"}, "clock.step of server (by -2m)"),
    ("server", "server.move", {"address": "172.16.63.140"}, "server.move (address 172.16.63.140)"),
    ("network", "network.cut", {"lasts": "2h"}, "network.cut of * for 2h"),
    # What was typed for another host is still there.
    ("fdl-3", "nat.add", {"address": "10.0.0.1"}, "nat.add of fdl-3 for 2h (address 10.0.0.1)"),
    ("fdl-3", "node.move", {"address": "192.168.100.40"}, "node.move of fdl-3 (address 192.168.100.40)"),
    ("fdl-1", "clone", {"address": "192.168.100.40"}, "node.clone of fdl-1-copy-1"),
    ("fdl-2", "node.unbind", {"who": "fdl-*"}, "node.unbind of fdl-*"),
    ("fdl-3", "clock.step", {"by": "25h"}, "clock.step of fdl-3 (by 25h)"),
]
EVIL = "<img src=x onerror=alert(1)></script>"


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A console of three nodes for four days, or of the scenario that the test names."""
    found = Served(getattr(request, "param", THREE), file="three.toml")
    yield found
    found.end()


@pytest.fixture
def address(served: Served) -> str:
    """Where it is."""
    return served.address


@pytest.fixture
def console(address: str, open_address: Opener) -> Iterator[Page]:
    """Its page, with its lanes."""
    page = open_address(address)
    drawn(page)
    yield page
    # Streams end before their server.
    open_address.close()


def drawn(page: Page, world: int = 0) -> None:
    """Wait until the lanes of this world are there."""
    page.wait_for_selector(f"body[data-told='{world}']")
    settled(page)


def seen(page: Page, at_us: int, world: int | None = None) -> str:
    """Wait until the world at an instant is shown, and return the digest of the history up to there."""
    number = "" if world is None else f"[data-world='{world}']"
    shown = page.locator(f"#judged[data-at='{at_us}']{number}")
    shown.wait_for(state="attached")
    return shown.get_attribute("data-digest") or ""


def jump(page: Page, to: str, at_us: int, world: int | None = None) -> str:
    page.fill("#jump-to", to)
    page.click("#jump button")
    return seen(page, at_us, world)


def choose(page: Page, name: str) -> None:
    page.locator("#board .name", has_text=re.compile(f"^{name}")).first.click()
    expect(page.locator("#host-title")).to_have_text(name)


def status(page: Page, name: str) -> str:
    """Return what stands beside the name of a lane."""
    row = page.locator("#board .name", has=page.locator(f"span:first-child:text-is('{name}')"))
    return row.locator(".now div:first-child span:nth-child(2)").text_content() or ""


def digest(page: Page, branch: int = 0) -> str:
    """Return the digest of the whole run of a branch."""
    return page.locator("#compared tr").nth(branch).get_attribute("data-digest") or ""


# The walk.


def test_load_play_stop_the_server_jump_back_save_and_the_file_runs_to_the_same_digest(
    console: Page, tmp_path: Path
) -> None:
    page = console
    before = jump(page, "9h", 9 * HOUR, 0)
    whole = digest(page)
    # Play until some hours are over.
    page.click("[data-jump='0']")
    page.select_option("#speed", "21600")
    page.click("#play")
    expect(page.locator("#play")).to_have_text("Pause")
    page.wait_for_function("() => Number(document.querySelector('#judged').dataset.at) > 5 * 3.6e9")
    page.click("#play")
    expect(page.locator("#play")).to_have_text("Play")
    # Stop the server at 10 h for 3 h.
    jump(page, "10h", 10 * HOUR, 0)
    page.fill("input[name='lasts']", "3h")
    page.click("[data-verb='server.stop']")
    assert seen(page, 10 * HOUR, 1)
    drawn(page, 1)
    assert status(page, "server") == "stopped"
    assert colour_at(page, 0, 11 * HOUR) == TONES["down"].fill
    # An hour later fdl-1 has polled in vain; an hour before, the world is as it was.
    assert jump(page, "11h", 11 * HOUR, 1)
    assert status(page, "fdl-1") == "interrupted"
    page.click("[data-by='-1h']")
    seen(page, 10 * HOUR, 1)
    page.click("[data-by='-1h']")
    assert seen(page, 9 * HOUR, 1) == before
    assert status(page, "fdl-1") == "registered"
    assert status(page, "server") == "running"
    # Saved, it runs to the same digest, and what was so an hour later is expected.
    jump(page, "11h", 11 * HOUR, 1)
    changed = digest(page)
    assert changed != whole
    with page.expect_download() as started:
        page.click("#save")
    assert started.value.suggested_filename == "three-as-opened.toml"
    started.value.save_as(tmp_path / "saved.toml")
    scenario = loads((tmp_path / "saved.toml").read_text(encoding="utf-8"))
    result = LITERALLY.run(scenario)
    assert result.digest == changed
    assert result.outcome is Outcome.PASSED
    assert ("fdl-1", "interrupted") in [(node, each.status) for each in scenario.expects for node in each.nodes]
    # Taken back, everything is as it was in the beginning, and done again as it was then.
    page.click("#undo")
    seen(page, 11 * HOUR, 0)
    assert digest(page) == whole
    drawn(page, 0)
    assert colour_at(page, 0, 11 * HOUR) == TONES["up"].fill
    page.click("#redo")
    seen(page, 11 * HOUR, 1)
    assert digest(page) == changed


def test_a_branch_is_compared_with_the_one_that_it_came_from(console: Page) -> None:
    page = console
    jump(page, "2h", 2 * HOUR)
    page.click("#branch")
    expect(page.locator("#branches .chip")).to_have_text(["as opened", "what if 1"])
    page.fill("input[name='lasts']", "90h")
    page.click("[data-verb='server.crash']")
    seen(page, 2 * HOUR, 1)
    rows = page.locator("#compared tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("passed")
    # The file expects that all are registered at 3 d.
    expect(rows.nth(1)).to_contain_text("failed")
    expect(rows.nth(1)).to_contain_text("0 of 3")
    expect(rows.nth(1)).to_contain_text("server.crash for 90h at 0d 02:00:00")
    # By 30 h all have lapsed without it.
    jump(page, "30h", 30 * HOUR, 1)
    expect(page.locator(".beside-now")).to_have_text([" registered 3", " lapsed 3"])
    jump(page, "2h", 2 * HOUR, 1)
    page.click("#branches .chip:first-child")
    seen(page, 2 * HOUR, 0)
    assert status(page, "server") == "running"
    page.click("[aria-label='Close what if 1']")
    expect(rows).to_have_count(1)


def test_any_fault_can_be_taken_back_and_gone_to(console: Page) -> None:
    page = console
    whole = digest(page)
    jump(page, "5h", 5 * HOUR)
    choose(page, "fdl-2")
    page.click("[data-verb='network.cut']")
    seen(page, 5 * HOUR, 1)
    expect(page.locator("#details")).to_contain_text("cut")
    jump(page, "8h", 8 * HOUR, 1)
    page.click("[data-verb='node.register']")
    seen(page, 8 * HOUR, 2)
    events = page.locator("#events li")
    expect(events).to_have_count(2)
    expect(events.nth(0)).to_contain_text("in force")
    events.nth(0).locator(".go").click()
    seen(page, 5 * HOUR, 2)
    page.click("[aria-label^='Take back network.cut']")
    seen(page, 5 * HOUR, 3)
    page.click("[aria-label^='Take back node.register']")
    seen(page, 5 * HOUR, 4)
    assert digest(page) == whole


def test_faults_are_broken_in_by_a_click(console: Page) -> None:
    page = console
    jump(page, "5h", 5 * HOUR)
    for number, (host, verb, fields, told) in enumerate(CLICKS, start=1):
        choose(page, host)
        for name, value in fields.items():
            page.fill(f"input[name='{name}']", value)
        page.click(f"[data-verb='{verb}']")
        seen(page, 5 * HOUR, number)
        expect(page.locator("#events li")).to_have_text(re.compile(re.escape(told)))
        expect(page.locator("#message")).to_be_hidden()
        page.click("#undo")
        seen(page, 5 * HOUR, 0)


def test_anything_of_a_scenario_file_can_be_done(console: Page) -> None:
    page = console
    page.click("summary")
    page.fill("#actions textarea", 'do = "network.loss"\nnode = "fdl-1"\npercent = 20\nlasts = "1h"')
    page.click("#do-other")
    seen(page, 0, 1)
    expect(page.locator("#events")).to_contain_text("network.loss of fdl-1 for 1h (percent 20)")


# Bad input: a message on the page, and nothing lost.


def test_what_the_state_does_not_allow_is_a_message(console: Page) -> None:
    page = console
    here = jump(page, "5h", 5 * HOUR)
    page.click("[data-verb='server.start']")
    expect(page.locator("#message")).to_contain_text("server.start is not possible")
    expect(page.locator("#message")).to_contain_text("nothing to undo")
    assert seen(page, 5 * HOUR, 0) == here
    page.click("#message-close")
    expect(page.locator("#message")).to_be_hidden()
    page.fill("input[name='lasts']", "long")
    page.click("[data-verb='server.stop']")
    expect(page.locator("#message")).to_contain_text('lasts: found "long", expected a duration')


def test_a_jump_beyond_the_end_is_a_message(console: Page) -> None:
    page = console
    jump(page, "5h", 5 * HOUR)
    for to in ("5d", "soon", "+4d"):
        page.fill("#jump-to", to)
        page.click("#jump button")
        expect(page.locator("#message")).to_contain_text(re.compile("after the end|expected a duration"))
        expect(page.locator("#instant")).to_have_text("0d 05:00:00")
        page.click("#message-close")


def test_a_scenario_that_does_not_parse_is_a_message_and_its_text_is_still_there(console: Page) -> None:
    page = console
    page.click("#edit")
    words = page.locator("#text-words")
    expect(words).to_have_value(re.compile("Three nodes"))
    wrong = THREE.replace("capacity", "capactiy")
    words.fill(wrong)
    page.click("#text-open")
    expect(page.locator("#text-problem")).to_contain_text("<text>:8:1: licence.capactiy: found an unknown key")
    expect(words).to_have_value(wrong)
    words.fill(THREE.replace("Three nodes", "Three others"))
    page.click("#text-open")
    expect(page.locator("#text")).to_be_hidden()
    expect(page.locator("h1")).to_have_text("Three others")
    expect(page.locator("#branches .chip")).to_have_text(["as opened", "opened 1"])


@pytest.mark.parametrize("served", [THREE.replace("Three nodes", EVIL).replace('"fdl"', '"&lt;b"')], indirect=True)
def test_names_are_text(address: str, open_address: Opener) -> None:
    page = open_address(address)
    drawn(page)
    expect(page.locator("h1")).to_have_text(EVIL)
    expect(page.locator("#board .name > span:first-child").nth(2)).to_have_text("&lt;b-1")
    assert page.locator("img").count() == 0
    open_address.close()


# Browsers.


def test_two_browsers_on_one_console_stay_together(console: Page, address: str, open_address: Opener) -> None:
    other = open_address(address)
    drawn(other)
    jump(console, "10h", 10 * HOUR)
    seen(other, 10 * HOUR)
    expect(other.locator("#instant")).to_have_text("0d 10:00:00")
    other.click("[data-verb='server.stop']")
    assert seen(console, 10 * HOUR, 1) == seen(other, 10 * HOUR, 1)
    console.click("#play")
    expect(other.locator("#play")).to_have_text("Pause")
    other.click("#play")
    expect(console.locator("#play")).to_have_text("Play")
    assert console.locator("#instant").text_content() == other.locator("#instant").text_content()
    # A message is for who asked.
    other.click("[data-verb='server.stop']")
    expect(other.locator("#message")).to_be_visible()
    expect(console.locator("#message")).to_be_hidden()


def test_a_browser_that_comes_back_finds_everything(console: Page, served: Served, open_address: Opener) -> None:
    page = console
    jump(page, "10h", 10 * HOUR)
    page.click("[data-verb='server.stop']")
    here = seen(page, 10 * HOUR, 1)
    drawn(page, 1)
    # It loses the network, and what happens meanwhile.
    page.context.set_offline(True)
    served.drop()
    expect(page.locator("#badges")).to_contain_text("not connected")
    page.click("[data-by='+1h']")
    expect(page.locator("#message")).to_contain_text("out of reach")
    other = open_address(served.address)
    drawn(other, 1)
    assert seen(other, 10 * HOUR, 1) == here
    jump(other, "12h", 12 * HOUR, 1)
    page.context.set_offline(False)
    expect(page.locator("#badges")).not_to_contain_text("not connected")
    seen(page, 12 * HOUR, 1)
    expect(page.locator("#message")).to_be_hidden()
    # And one that is closed and opened again.
    page.close()
    again = open_address(served.address)
    drawn(again, 1)
    seen(again, 12 * HOUR, 1)
    # What a browser says of a connection that broke is no error of ours.
    broken = re.compile("net::ERR_(INTERNET_DISCONNECTED|INCOMPLETE_CHUNKED_ENCODING)")
    assert [each for each in open_address.heard if not broken.search(each)] == []
    open_address.heard.clear()


# By keys, and for everybody.


def test_it_can_be_used_without_a_mouse(console: Page) -> None:
    page = console
    page.focus("#jump-to")
    page.keyboard.type("10h")
    page.keyboard.press("Enter")
    seen(page, 10 * HOUR)
    page.focus("#board")
    # From the server over the network to the first node.
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#host-title")).to_have_text("fdl-1")
    expect(page.locator("#details")).to_contain_text("registered")
    expect(page.locator("#told")).to_contain_text("fdl-1")
    # Nothing but polls happens after 1 h 20 min up to the end.
    page.keyboard.press("[")
    seen(page, 4_800_010_000)
    page.keyboard.press("]")
    seen(page, 96 * HOUR)
    page.keyboard.press("n")
    # The first mark of fdl-1 is its register, at 0.
    seen(page, 0)
    page.keyboard.press(" ")
    expect(page.locator("#play")).to_have_text("Pause")
    page.keyboard.press(" ")
    expect(page.locator("#play")).to_have_text("Play")


def test_a_click_in_the_lanes_goes_to_that_instant(console: Page) -> None:
    page = console
    box = page.locator("#board .plot").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + 46 + 2 * 40 + 20)
    expect(page.locator("#host-title")).to_have_text("fdl-1")
    expect(page.locator("#instant")).to_have_text(re.compile("^(0d 23:5|1d 00:0)"))


def test_nodes_can_be_filtered_by_name_and_by_how_they_are_now(console: Page) -> None:
    page = console
    jump(page, "10h", 10 * HOUR)
    page.click("[data-verb='server.stop']")
    drawn(page, 1)
    jump(page, "11h", 11 * HOUR, 1)
    # fdl-1 polled at 10 h, fdl-2 at 10 h 40 min.
    expect(page.locator("#counts .chip")).to_have_text([" interrupted 2", " registered 1"])
    page.click("#counts .chip:nth-child(2)")
    expect(page.locator("#board .name > span:first-child")).to_have_text(["server", "network", "fdl-3"])
    page.click("#counts .chip:nth-child(2)")
    page.fill("#filter", "fdl-2")
    expect(page.locator("#board .name > span:first-child")).to_have_text(["server", "network", "fdl-2"])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_serious_stands_in_anybodys_way(address: str, open_address: Opener, dark: bool) -> None:
    page = open_address(address, color_scheme="dark" if dark else "light", reduced_motion="reduce")
    drawn(page)
    jump(page, "10h", 10 * HOUR)
    page.click("[data-verb='server.stop']")
    seen(page, 10 * HOUR, 1)
    page.click("[data-verb='server.stop']")
    expect(page.locator("#message")).to_be_visible()
    page.click("summary")
    page.locator("#rules .words").first.click()
    choose(page, "fdl-1")
    assert serious(page) == []
    page.click("#edit")
    assert serious(page) == []
    open_address.close()
