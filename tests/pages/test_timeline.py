"""The timeline's pages, in a real browser: what is drawn, what can be done, and who can read them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from harness.builder import WorldBuilder
from harness.outage.case import case_of
from harness.outage.diagnosing import diagnose
from harness.outage.reading import read_record
from harness.report.timeline.diagnosed import stories_of
from harness.report.timeline.page import page as page_of
from harness.report.timeline.palette import TONES
from harness.report.timeline.story import Lane, LaneKind, Mark, MarkKind, Span, Story
from harness.report.timeline.summary import Entry, summary_page
from harness.report.timeline.told import story_of
from harness.runner import Job, Result, run_one
from harness.scenario_file import load
from reference_server.readings import READINGS
from tests.harness.outage.hidden import FOLDER
from tests.harness.timeline.test_page import evil_story
from tests.pages.conftest import Opener

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "axe.min.js"
LIBRARY = Path(__file__).resolve().parents[2] / "scenarios"
HOUR = 3_600_000_000
#: How lanes are laid out, in pixels: see drawing.js.
ROW, AXIS, BAND = 40, 46, 12


def run(name: str) -> Result:
    scenario = load(LIBRARY / f"{name}.toml")
    return run_one(Job(scenario=scenario, reading=READINGS["literal"]))


@pytest.fixture(scope="session")
def stop_23h(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine nodes and four days, of which the server is down from 25.5 h to 48.5 h: four lapse, five come back."""
    file = tmp_path_factory.mktemp("pages") / "stop.html"
    file.write_text(
        page_of(story_of(run("server_stops/stop_23h")), links=[("All runs", "index.html")]), encoding="utf-8"
    )
    return file


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 nodes for 30 days, with a stop of the server that a part of them does not survive."""
    builder = WorldBuilder()
    builder.licence(capacity=500, addresses=["10.0.0.1 - 10.0.1.244"])
    builder.nodes("fdl", count=500, address="10.0.0.1", spread_over="2h")
    builder.at("5d 1h 30m").server_stop(lasts="23h")
    result = run_one(Job(scenario=builder.scenario("30d"), reading=READINGS["literal"]))
    file = tmp_path_factory.mktemp("pages") / "many.html"
    file.write_text(page_of(story_of(result)), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs: two that passed, and one of which somebody expected that its nodes lapse before the server stops."""
    scenario = load(LIBRARY / "server_stops" / "stop_24h.toml")
    wrong = replace(scenario, expects=(replace(scenario.expects[0], status="lapsed"),))
    failed = run_one(Job(scenario=wrong, reading=READINGS["literal"]))
    results = [run("server_stops/stop_23h"), run("server_stops/stop_05m"), failed]
    file = tmp_path_factory.mktemp("pages") / "index.html"
    file.write_text(summary_page([Entry(result, f"{k}.html") for k, result in enumerate(results)]), encoding="utf-8")
    return file


# What is in view.


def view(page: Page) -> tuple[float, float]:
    board = page.locator("#board")
    return float(board.get_attribute("data-from") or "nan"), float(board.get_attribute("data-to") or "nan")


def names(page: Page) -> list[str]:
    return page.locator("#board .name span:first-child").all_text_contents()


def settled(page: Page) -> None:
    """Wait until what was asked for is drawn: twice the next frame."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def colour_at(page: Page, row: int, at_us: int, *, below: int = BAND) -> str:
    """Return the colour that is drawn in a row at an instant, ``below`` its top."""
    settled(page)
    red, green, blue = page.evaluate(
        """([row, at, y]) => {
          const board = document.querySelector("#board");
          const canvas = document.querySelector("#board .plot canvas");
          const { from, to } = board.dataset;
          const width = document.querySelector("#board .plot").clientWidth;
          const scale = canvas.width / width;
          const x = ((at - from) / (to - from)) * width;
          const one = new OffscreenCanvas(1, 1).getContext("2d");
          one.drawImage(canvas, -Math.round(x * scale), -Math.round(y * scale));
          return [...one.getImageData(0, 0, 1, 1).data];
        }""",
        [row, at_us, AXIS + row * ROW + below],
    )[:3]
    return f"#{red:02x}{green:02x}{blue:02x}"


# What is drawn.


def test_lanes_have_their_names_and_the_colours_of_their_statuses(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    settled(page)
    assert names(page) == sorted(
        ["server", "network", *(f"phase-{k}" for k in range(1, 9)), "edge"], key=names(page).index
    )
    assert len(names(page)) == 11
    # The server is row 0; phase-1 is row 2, whose last contact is at 24 h: it lapses at 48 h.
    assert colour_at(page, 0, 10 * HOUR) == TONES["up"].fill
    assert colour_at(page, 0, 30 * HOUR) == TONES["down"].fill
    assert colour_at(page, 2, 11 * HOUR) == TONES["well"].fill
    assert colour_at(page, 2, 41 * HOUR) == TONES["waiting"].fill
    assert colour_at(page, 2, 80 * HOUR) == TONES["lost"].fill
    # phase-3 polls at 48.5 h, when the server is back.
    assert colour_at(page, 4, 80 * HOUR) == TONES["well"].fill


def test_a_failure_is_marked_below_the_band_where_it_was(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    # The poll of 26 h of phase-1 is refused: the middle of the cross.
    failure_us = 26 * HOUR + 10_000
    drawn = colour_at(page, 2, failure_us, below=34)
    assert drawn != colour_at(page, 2, failure_us - HOUR // 2, below=34)
    red, green = int(drawn[1:3], 16), int(drawn[3:5], 16)
    assert red > green + 60


def test_polls_of_a_run_are_drawn_when_there_is_room(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    # At the bottom of the band there is a tick at the poll of 4 h, and none an hour later.
    assert colour_at(page, 2, 4 * HOUR, below=24) != TONES["well"].fill
    assert colour_at(page, 2, 5 * HOUR, below=24) == TONES["well"].fill


def test_the_head_and_the_legend_say_what_it_is(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    expect(page.locator("h1")).to_have_text("The server is stopped for 23 hours")
    expect(page.locator(".badge.simulated")).to_be_visible()
    for word in ("registered", "interrupted", "lapsed", "stopped", "poll", "failure", "event"):
        expect(page.locator("#legend")).to_contain_text(word)


# Zoom and pan.


def test_buttons_zoom_and_move(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    assert view(page) == (0, 96 * HOUR)
    page.click("#in")
    assert view(page) == (24 * HOUR, 72 * HOUR)
    page.click("#later")
    first, last = view(page)
    assert last - first == 48 * HOUR
    assert first == pytest.approx(43.2 * HOUR)
    page.click("#out")
    page.click("#whole")
    assert view(page) == (0, 96 * HOUR)


def test_the_wheel_zooms_where_the_pointer_is(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    box = page.locator("#board .plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + AXIS + 3 * ROW)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    page.wait_for_selector("#board:not([data-from='0'])")
    first, last = view(page)
    # 24 h stays a quarter of the way.
    assert first + (last - first) / 4 == pytest.approx(24 * HOUR, rel=0.01)
    assert last - first < 60 * HOUR


def test_dragging_moves_what_is_in_view(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    page.click("#in")
    box = page.locator("#board .plot").bounding_box()
    assert box is not None
    middle = box["y"] + AXIS + 3 * ROW
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, middle, steps=4)
    page.mouse.up()
    # A quarter of the 48 h in view, to the left: later.
    assert view(page) == pytest.approx((36 * HOUR, 84 * HOUR), rel=0.01)


def test_a_stretch_of_the_overview_is_chosen_by_dragging(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    box = page.locator("#overview").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20, steps=4)
    page.mouse.up()
    assert view(page) == pytest.approx((24 * HOUR, 48 * HOUR), rel=0.01)


def test_keys_move_zoom_and_step_from_mark_to_mark(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    page.focus("#board")
    page.keyboard.press("+")
    assert view(page) == (24 * HOUR, 72 * HOUR)
    page.keyboard.press("ArrowLeft")
    assert view(page)[0] == pytest.approx(14.4 * HOUR)
    page.keyboard.press("0")
    assert view(page) == (0, 96 * HOUR)
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#board .name.chosen")).to_have_text("phase-1")
    page.keyboard.press("n")
    expect(page.locator("#told")).to_have_text("0d 00:00:00, phase-1: register: granted")
    page.keyboard.press("n")
    expect(page.locator("#told")).to_have_text("0d 00:00:00.005000, phase-1: slot taken, 1 is live")
    page.keyboard.press("p")
    expect(page.locator("#told")).to_have_text("0d 00:00:00, phase-1: register: granted")


def test_one_can_zoom_to_single_microseconds(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    page.focus("#board")
    for _ in range(45):
        page.keyboard.press("+")
    first, last = view(page)
    assert last - first == 20
    settled(page)


# What the pointer tells.


def test_pointing_tells_the_status_and_the_clocks(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    settled(page)
    box = page.locator("#board .plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 83.5 / 96, box["y"] + AXIS + 2 * ROW + BAND)
    tip = page.locator(".tip")
    expect(tip).to_contain_text("phase-1")
    expect(tip).to_contain_text("lapsed (too long without contact)")
    expect(tip).to_contain_text("from 2d 00:00:00.010000 to 4d 00:00:00")
    expect(tip).to_contain_text("server's clock2026-03-04 11:")
    expect(tip).to_contain_text("node's clock2026-03-04 11:")


def test_a_clock_that_was_set_is_told_in_its_own_zone(tmp_path: Path, open_page: Opener) -> None:
    builder = WorldBuilder()
    builder.licence()
    builder.nodes("fdl", zone="Asia/Shanghai")
    builder.at("1d").clock_step(host="fdl", by="25h")
    file = tmp_path / "clock.html"
    result = run_one(Job(scenario=builder.scenario("2d"), reading=READINGS["literal"]))
    file.write_text(page_of(story_of(result)), encoding="utf-8")
    page = open_page(file)
    settled(page)
    box = page.locator("#board .plot").bounding_box()
    assert box is not None
    # The poll of 36 h: 61 h by the node's clock, which is 13:00 of the third day in UTC, and 21:00 in Shanghai.
    page.mouse.move(box["x"] + box["width"] * 36 / 48, box["y"] + AXIS + 2 * ROW + BAND)
    tip = page.locator(".tip")
    expect(tip).to_contain_text("true time1d 12:00:00 after the start")
    expect(tip).to_contain_text("server's clock2026-03-02 12:00:00 UTC")
    expect(tip).to_contain_text("node's clock2026-03-03 21:00:00 Asia/Shanghai, 1d 1h ahead")


def test_what_was_observed_stands_beside_what_was_predicted(tmp_path: Path, open_page: Opener) -> None:
    marks = (Mark(10 * HOUR, MarkKind.SEEN, "registered"), Mark(20 * HOUR, MarkKind.FAILURE, "/"))
    observed = Lane(name="fdl-1", kind=LaneKind.NODE, side="observed", marks=marks)
    predicted = Lane(name="fdl-1", kind=LaneKind.NODE, side="predicted", spans=(Span(0, 24 * HOUR, "registered"),))
    story = Story(title="Sunday", simulated=False, start_us=0, duration_us=24 * HOUR, lanes=(observed, predicted))
    file = tmp_path / "record.html"
    file.write_text(page_of(story), encoding="utf-8")
    page = open_page(file)
    settled(page)
    assert names(page) == ["fdl-1", "fdl-1"]
    assert page.locator("#board .name .side").all_text_contents() == ["observed", "predicted"]
    expect(page.locator("body")).not_to_contain_text("imulated")
    box = page.locator("#board .plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 20 / 24, box["y"] + AXIS + BAND)
    expect(page.locator(".tip")).to_contain_text("node's clocknot known")
    # Of an observed lane nobody knows the status, and nothing is drawn where the other has its colour.
    assert colour_at(page, 0, 12 * HOUR) != colour_at(page, 1, 11 * HOUR) == TONES["well"].fill
    page.fill("#filter", "predicted")
    settled(page)
    assert page.locator("#board .name .side").all_text_contents() == ["predicted"]


# Verdicts.


def test_a_click_on_a_verdict_goes_through_its_instants(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    page.click("[data-rule=R034]")
    found = page.locator(".found:visible")
    expect(found).to_contain_text("1 of ")
    told = page.locator("#told").text_content() or ""
    assert "access outlives the slot" in told
    first, last = view(page)
    at_us = instant_us(told)
    assert last - first < 96 * HOUR
    assert first <= at_us <= last
    expect(page.locator("#board .pin")).to_be_visible()
    page.click("[data-step=next]")
    expect(found).to_contain_text("2 of ")
    page.click("[data-step=previous]")
    expect(found).to_contain_text("1 of ")


def instant_us(told: str) -> float:
    """Return the instant with which a message begins."""
    match = re.match(r"(\d+)d (\d\d):(\d\d):(\d\d(?:\.\d+)?)", told)
    assert match is not None, told
    days, hours, minutes, seconds = match.groups()
    return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60e6 + float(seconds) * 1e6


def test_a_verdict_without_an_instant_says_so(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    page.click("[data-rule=R006]")
    expect(page.locator(".found:visible")).to_contain_text("It held on each of")
    assert view(page) == (0, 96 * HOUR)


# Filters.


def test_a_filter_leaves_the_lanes_that_it_names_and_those_of_no_node(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    page.fill("#filter", "phase-1, EDGE")
    settled(page)
    assert sorted(names(page)) == ["edge", "network", "phase-1", "server"]
    page.fill("#filter", "phase-*")
    settled(page)
    assert len(names(page)) == 10
    page.fill("#filter", "nobody")
    settled(page)
    assert sorted(names(page)) == ["network", "server"]


def test_lanes_can_be_chosen_by_a_status(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    page.click("#statuses [data-status=lapsed]")
    settled(page)
    # Of eight phases, those whose last contact is in the first half of the two hours before the stop.
    assert len(names(page)) == 2 + 4
    expect(page.locator("#statuses [data-status=lapsed]")).to_have_attribute("aria-pressed", "true")


def test_going_to_a_lane_that_is_filtered_out_shows_it(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    page.fill("#filter", "nobody")
    page.click("[data-rule=R034]")
    settled(page)
    assert len(names(page)) == 11
    expect(page.locator("#filter")).to_have_value("")


# The table, print, light and dark.


def test_the_table_tells_the_same_and_leads_back(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    page.fill("#filter", "phase-1")
    rows = page.locator("#happened tbody tr")
    lapsed = rows.filter(has_text="became lapsed: too long without contact")
    expect(lapsed).to_have_count(1)
    expect(lapsed).to_contain_text("2d 00:00:00.010000")
    expect(lapsed).to_contain_text("2026-03-03 00:00:00.010000 UTC")
    lapsed.locator("button").click()
    first, last = view(page)
    assert first <= 48 * HOUR + 10_000 <= last < 96 * HOUR


def test_it_prints_each_lane_as_a_line(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h, color_scheme="dark")
    page.emulate_media(media="print")
    page.wait_for_selector("#printed tbody tr")
    expect(page.locator("#printed tbody tr")).to_have_count(11)
    expect(page.locator("#printed tbody tr").nth(2)).to_contain_text("lapsed")
    expect(page.locator("#timeline")).to_be_hidden()
    # In print it is light, whatever the screen is.
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf().startswith(b"%PDF")


def test_it_is_dark_where_the_reader_is_and_can_be_switched(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h, color_scheme="dark")
    assert colour_at(page, 2, 11 * HOUR) == TONES["well"].dark_fill
    page.click("#theme")
    assert colour_at(page, 2, 11 * HOUR) == TONES["well"].fill
    page.reload()
    # It is remembered.
    assert colour_at(page, 2, 11 * HOUR) == TONES["well"].fill


def test_it_can_be_used_on_a_narrow_screen(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h, viewport={"width": 420, "height": 800})
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert "phase-1" in names(page)


# Many nodes.


def test_of_500_lanes_only_those_in_view_are_drawn(many: Path, open_page: Opener) -> None:
    page = open_page(many)
    settled(page)
    expect(page.locator("#board .count")).to_have_text("502 of 502 lanes")
    assert 5 < len(names(page)) < 30
    page.locator("#board .scroller").evaluate("(element) => element.scrollTo(0, element.scrollHeight)")
    expect(page.locator("#board .name", has_text="fdl-500")).to_be_visible()
    assert len(names(page)) < 30
    page.fill("#filter", "fdl-77")
    settled(page)
    assert names(page) == ["server", "network", "fdl-77"]


def test_500_nodes_for_30_days_zoom_from_the_whole_to_a_poll(many: Path, open_page: Opener) -> None:
    page = open_page(many)
    assert colour_at(page, 2, 10 * 24 * HOUR) in (TONES["well"].fill, TONES["lost"].fill)
    page.focus("#board")
    for _ in range(8):
        page.keyboard.press("+")
    settled(page)
    first, last = view(page)
    # 30 days, halved eight times.
    assert last - first == 30 * 24 * HOUR / 256
    assert 5 < len(names(page)) < 30


# Strangers' words, and what a page may do.


def test_somebody_elses_words_stay_words(tmp_path: Path, open_page: Opener) -> None:
    file = tmp_path / "evil.html"
    story = evil_story()
    file.write_text(page_of(story), encoding="utf-8")
    page = open_page(file)
    settled(page)
    assert page.title().split() == story.title.split()
    assert page.locator("img").count() == 0
    assert names(page) == [story.lanes[0].name]
    for verdict in page.locator(".verdict").all():
        verdict.click()
    page.hover("#board .plot", position={"x": 300, "y": AXIS + BAND})
    expect(page.locator(".tip")).to_be_visible()
    page.emulate_media(media="print")
    page.wait_for_selector("#printed tbody tr")
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 3


def test_the_policy_keeps_it_from_asking_for_anything(stop_23h: Path, open_page: Opener) -> None:
    page = open_page(stop_23h)
    refused: list[str] = page.evaluate(
        """() => new Promise((done) => {
          const refused = [];
          addEventListener("securitypolicyviolation", (event) => {
            refused.push(event.effectiveDirective);
            if (refused.length === 2) done(refused.sort());
          });
          const script = document.createElement("script");
          script.textContent = "globalThis.broken = true";
          document.body.append(script);
          const image = new Image();
          image.src = "https://example.invalid/a.png";
        })"""
    )
    assert refused == ["img-src", "script-src-elem"]
    assert page.evaluate("globalThis.broken") is None
    # Both refusals are said on the console, and that is all that is; what was refused counts as asked for.
    assert len(open_page.heard) == 2
    assert open_page.asked.pop() == "https://example.invalid/a.png"
    open_page.heard.clear()


# Who can read them.


def serious(page: Page) -> list[str]:
    """Return what axe-core finds that is serious or worse."""
    settled(page)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:120] for node in each['nodes'][:3]]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_a_timeline(stop_23h: Path, open_page: Opener, scheme: str) -> None:
    page = open_page(stop_23h, color_scheme=scheme)
    assert serious(page) == []
    page.click("[data-rule=R034]")
    for summary in page.locator("details > summary").all():
        summary.click()
    page.click("#failed")
    assert serious(page) == []


def test_axe_finds_nothing_serious_on_an_explanation(tmp_path: Path, open_page: Opener) -> None:
    # Six nodes, observed and predicted: more lanes than there is room for, so that they scroll.
    record = read_record(FOLDER / "stop-26h.csv")
    ((_, story), *_rest) = stories_of(diagnose(case_of(record)), most=1)
    file = tmp_path / "explanation.html"
    file.write_text(page_of(story), encoding="utf-8")
    assert serious(open_page(file)) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_a_summary(summary: Path, open_page: Opener, scheme: str) -> None:
    assert serious(open_page(summary, color_scheme=scheme)) == []


# The summary.


def shown(page: Page) -> list[str]:
    return [row.locator("td").nth(1).inner_text() for row in page.locator("#runs tbody tr:visible").all()]


def test_the_summary_is_filtered_and_sorted(summary: Path, open_page: Opener) -> None:
    page = open_page(summary)
    assert len(shown(page)) == 3
    page.fill("#filter", "exactly hours")
    assert len(shown(page)) == 1
    page.fill("#filter", "")
    page.click("#outcomes [data-outcome=failed]")
    assert len(shown(page)) == 1
    page.click("#outcomes [data-outcome=failed]")
    heading = page.locator("th", has_text="title")
    heading.locator("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    # As people count: five before 23.
    up = [f"The server is stopped for {length}" for length in ("5 minutes", "23 hours", "exactly 24 hours")]
    assert shown(page) == up
    heading.locator("button").click()
    assert shown(page) == up[::-1]
