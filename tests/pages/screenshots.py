"""Makes the pictures in docs/images again, of what the pages of the documentation show: ``make images``.

Those of a node's administration pages are made only where a font has Chinese characters, which all of them show.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from harness.builder import WorldBuilder
from harness.outage.case import case_of
from harness.outage.diagnosing import diagnose
from harness.outage.reading import Options, parse_record
from harness.report.timeline.diagnosed import stories_of
from harness.report.timeline.page import page as page_of
from harness.report.timeline.picture import write_picture
from harness.report.timeline.story import Story
from harness.report.timeline.told import story_of
from harness.runner import Job, run_one
from harness.scenario import Scenario
from harness.scenario_file import loads, printed
from reference_server.readings import LITERAL
from tests.fake_fdl_nodes.simulated import FIRST_ADDRESS, LICENCE, Simulated, served, setup
from tests.pages.served import Served

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
#: Enough colours for flat surfaces, and few enough for files that a clone can carry.
COLOURS = 256


def main(chromium: str) -> None:
    """Make all pictures, in the browser at ``chromium``."""
    week, many = _story(_shown("week.toml")), _story(_many())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = _open(browser, week, height=1010)
        page.hover("#board .plot", position={"x": 560, "y": 46 + 5 * 40 + 20})
        _take(page, "timeline")
        page = _open(browser, week, height=1010, dark=True)
        page.click("[data-rule=R034]")
        _take(page, "timeline-dark")
        _take(_open(browser, many, height=900), "timeline-many")
        _take(_open(browser, _outage(), height=860), "outage")
        if _has_chinese():
            _administration(browser)
        _consoles(browser)
        browser.close()
    write_picture(week, IMAGES / "picture.png")
    _shrink(IMAGES / "picture.png")


def _consoles(browser: Browser) -> None:
    """Take the console of the week: what if the server is started a day earlier, and then the many, by night."""
    served = Served(_text("week.toml"), file="week.toml")
    page = _open_console(browser, served, height=1420)
    page.fill("#jump-to", "1d 20h")
    page.click("#jump button")
    page.click("#branch")
    page.click("[data-verb='server.start']")
    page.wait_for_selector("#judged[data-world='1']", state="attached")
    page.click("[data-by='+1h']")
    page.locator("#board .name", has_text="fdl-4").click()
    page.wait_for_selector("body[data-told='1']")
    _take(page, "console")
    page.close()
    served.end()
    served = Served(printed(_many()), file="many.toml")
    page = _open_console(browser, served, height=900, dark=True)
    page.fill("#jump-to", "6d 30m")
    page.click("#jump button")
    page.locator("#board .name", has_text="fdl-7").first.click()
    _take(page, "console-dark")
    page.close()
    served.end()


def _open_console(browser: Browser, served: Served, *, height: int, dark: bool = False) -> Page:
    page = browser.new_page(
        viewport={"width": 1480, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    page.goto(served.address)
    page.wait_for_selector("body[data-told]")
    return page


def _shown(name: str) -> Scenario:
    """Return the scenario that the page of the documentation shows under this name."""
    return loads(_text(name), file=name)


def _text(name: str) -> str:
    text = (ROOT / "docs" / "timeline.md").read_text(encoding="utf-8")
    found = re.search(rf"```toml\n# {re.escape(name)}\n(.*?)```", text, re.DOTALL)
    assert found is not None, f"docs/timeline.md shows no {name}"
    return str(found[1])


def _many() -> Scenario:
    builder = WorldBuilder(title="500 nodes for 30 days")
    builder.licence(capacity=500, addresses=["10.0.0.1 - 10.0.1.244"])
    builder.nodes("fdl", count=500, address="10.0.0.1", spread_over="2h")
    builder.at("5d 1h 30m").server_stop(lasts="23h")
    builder.at("6d 12h").node_register("*", only="lapsed")
    builder.at("15d").network_cut("fdl-1*", lasts="30h")
    builder.at("17d").node_register("*", only="lapsed")
    return builder.scenario("30d")


def _outage() -> Story:
    """Return the story of the first explanation of the record in the page of the documentation."""
    text = (ROOT / "docs" / "outage.md").read_text(encoding="utf-8")
    found = re.search(r"```csv sunday.csv\n(.*?)```", text, re.DOTALL)
    assert found is not None, "docs/outage.md shows no sunday.csv"
    record = parse_record(found[1], file="sunday.csv", options=Options(zone=UTC))
    return stories_of(diagnose(case_of(record)), most=1)[0][1]


def _administration(browser: Browser) -> None:
    """Take pictures of a cluster of which one node is registered, one is too many, and one is not licensed."""
    nodes = Simulated(
        [setup(f"fdl-{k}", FIRST_ADDRESS + 9 * k, cluster="c") for k in range(1, 4)],
        replace(LICENCE, capacity=1, ranges=((FIRST_ADDRESS, FIRST_ADDRESS + 18),)),
    )
    with served(nodes) as url:
        page = browser.new_page(viewport={"width": 1100, "height": 480}, locale="en-GB")
        page.goto(f"{url}register")
        page.get_by_label("Authentication Method").select_option("Private Cloud")
        page.get_by_label("Server Address").fill(nodes.server)
        _take(page, "node-page-form")
        with page.expect_navigation():
            page.get_by_role("button", name="Submit").click()
        _take(page, "node-page-prompt")
        page.set_viewport_size({"width": 1100, "height": 890})
        page.goto(f"{url}registration")
        _take(page, "node-page")
        page.emulate_media(color_scheme="dark")
        page.goto(f"{url}registration?language=zh")
        _take(page, "node-page-zh")


def _has_chinese() -> bool:
    """Tell whether this machine has a font with Chinese characters."""
    fonts = shutil.which("fc-list")
    return fonts is not None and bool(subprocess.run([fonts, ":lang=zh-cn"], capture_output=True, check=True).stdout)


def _story(scenario: Scenario) -> Story:
    return story_of(run_one(Job(scenario=scenario, reading=LITERAL)))


def _open(browser: Browser, story: Story, *, height: int, dark: bool = False) -> Page:
    page = browser.new_page(viewport={"width": 1320, "height": height}, color_scheme="dark" if dark else "light")
    with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as file:
        file.write(page_of(story, links=[("All runs", "index.html")]))
        file.flush()
        page.goto(Path(file.name).as_uri())
    page.wait_for_selector("#happened tbody tr")
    return page


def _take(page: Page, name: str) -> None:
    page.wait_for_timeout(300)
    page.screenshot(path=IMAGES / f"{name}.png")
    _shrink(IMAGES / f"{name}.png")


def _shrink(file: Path) -> None:
    with Image.open(file) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
