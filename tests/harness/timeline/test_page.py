"""The pages as text: their frame, what they are allowed, and that nobody's words become markup."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from harness.report.timeline.page import page
from harness.report.timeline.palette import TONES, tone_of
from harness.report.timeline.story import Expected, Lane, LaneKind, Mark, MarkKind, Rule, Span, Story
from harness.report.timeline.summary import Entry, summary_page
from harness.runner import Result, jobs_for, run_one
from harness.scenario_file import loads
from reference_server.readings import READINGS
from tests.harness.test_cli import GOOD
from tests.harness.timeline.told import LONG, told

EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(2)">&amp;\'$title ${style}'


class Parsed(HTMLParser):
    """The elements of a page, with what stands in each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.texts.setdefault(tag, []).append("")
        self._open = tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open][-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def evil_story() -> Story:
    """Return a story in which every text is somebody's attempt."""
    lane = Lane(
        name=EVIL,
        kind=LaneKind.NODE,
        about=EVIL,
        side=EVIL,
        spans=(Span(0, 100, EVIL, EVIL),),
        marks=(Mark(50, MarkKind.FAILURE, EVIL),),
    )
    return Story(
        title=EVIL,
        outcome=EVIL,
        facts=((EVIL, EVIL),),
        start_us=0,
        duration_us=100,
        lanes=(lane,),
        rules=(Rule(id=EVIL, title=EVIL, ruling="violated", tested=1, violations=1),),
        expectations=(Expected(words=EVIL, met=False),),
    )


def result() -> Result:
    (job,) = jobs_for(loads(GOOD, file="x.toml"), [READINGS["literal"]])
    return run_one(job)


# What the pages are allowed.


def policy_of(parsed: Parsed) -> dict[str, str]:
    (content,) = (each["content"] for each in parsed.of("meta") if each.get("http-equiv") == "Content-Security-Policy")
    assert content is not None
    return dict(part.split(" ", 1) for part in content.split("; "))


def hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.mark.parametrize("text", [page(told()), summary_page([Entry(result(), "a.html")])], ids=["story", "summary"])
def test_only_its_own_scripts_and_styles_may_run_and_nothing_be_fetched(text: str) -> None:
    parsed = Parsed(text)
    policy = policy_of(parsed)
    kinds = [each.get("type") for each in parsed.of("script")]
    scripts = [body for kind, body in zip(kinds, parsed.texts["script"], strict=True) if kind is None]
    assert policy["default-src"] == "'none'"
    assert policy["script-src"].split() == list(map(hash_of, scripts))
    assert policy["style-src"] == hash_of(parsed.texts["style"][0])
    for tag in ("link", "iframe", "object", "base", "form", "img"):
        assert parsed.of(tag) == []
    for _, attributes in parsed.elements:
        assert "src" not in attributes
        assert not any(name.startswith("on") or name == "style" for name in attributes)


# Somebody's words.


def test_nothing_in_a_story_becomes_markup() -> None:
    harmless, evil = Parsed(page(told())), Parsed(page(evil_story()))
    assert evil.texts["h1"] == evil.texts["title"] == [EVIL]
    assert len(evil.of("script")) == len(harmless.of("script")) == 3
    assert evil.of("img") == []
    assert EVIL in evil.texts["dt"]
    assert EVIL in evil.texts["dd"]


def test_nothing_in_a_summary_becomes_markup() -> None:
    made = result()
    made = replace(made, scenario=replace(made.scenario, title=EVIL, file=EVIL))
    parsed = Parsed(summary_page([Entry(made, f"{EVIL}.html")]))
    assert len(parsed.of("script")) == 1
    assert parsed.of("img") == []
    assert EVIL in parsed.texts["a"]
    # In an address it stands as an address writes it.
    (link,) = parsed.of("a")
    assert link["href"] is not None
    assert re.fullmatch(r"[\w%./&$'-]+", link["href"])


# What they say without a script.


def test_the_head_says_what_it_is_and_that_it_is_simulated() -> None:
    text = page(told(), links=[("All runs", "index.html")])
    assert '<span class="badge passed">passed</span>' in text
    assert '<span class="badge simulated">simulated</span>' in text
    assert "Everything on this page was simulated." in text
    assert '<a class="tool" href="index.html">All runs</a>' in text
    assert "1 of 1 expectations met" in text


def test_what_was_observed_is_not_called_simulated() -> None:
    text = page(replace(told(), simulated=False))
    assert "badge simulated" not in text
    assert "was simulated" not in text


def test_the_same_run_is_the_same_page() -> None:
    assert page(told(LONG)) == page(told(LONG))


def test_the_summary_has_a_line_for_each_result_and_no_link_to_what_was_not_run() -> None:
    skipped = replace(result(), skipped="the wire cannot express it")
    parsed = Parsed(summary_page([Entry(result(), "a b.html"), Entry(skipped, None)]))
    rows = [each["data-outcome"] for each in parsed.of("tr") if "data-outcome" in each]
    assert rows == ["passed", "skipped"]
    assert [each["href"] for each in parsed.of("a")] == ["a%20b.html"]
    assert "the wire cannot express it" in parsed.texts["div"]


# Colours.


def _luminance(colour: str) -> float:
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", TONES)
def test_what_stands_on_a_tone_can_be_read(name: str) -> None:
    tone = TONES[name]
    # 4.5 to 1 is what WCAG asks of text.
    assert _contrast(tone.fill, tone.ink) >= 4.5 or name == "other"
    assert _contrast(tone.dark_fill, tone.dark_ink) >= 4.5


def test_a_status_has_the_same_tone_with_and_without_its_direction() -> None:
    assert tone_of("cut (answers)") == tone_of("cut") == "fault"
    assert tone_of("something new") == "other"
