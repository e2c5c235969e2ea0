"""A story as data: nothing is lost on the way there and back, and nothing in it can end a script."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.report.timeline.data import data_of, script_text, story_from
from harness.report.timeline.story import Story
from tests.harness.timeline.told import told


@settings(max_examples=60)
@given(st.from_type(Story))
def test_a_story_survives_the_way_through_json(story: Story) -> None:
    assert story_from(json.loads(json.dumps(data_of(story)))) == story


def test_each_text_is_written_once() -> None:
    data = data_of(told())
    assert len(set(data["texts"])) == len(data["texts"])
    # Of the twelve polls that change nothing there is one row.
    assert data["lanes"][2]["runs"][0][:3] == [7_200_000_000, 86_400_000_000, 12]


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_data_in_a_script_is_the_data_and_cannot_end_it(data: object) -> None:
    text = script_text(data)
    assert json.loads(text) == data
    assert not any(each in text for each in "<>&")


def test_what_would_end_a_script_does_not() -> None:
    assert script_text("</script><!--") == '"\\u003c/script\\u003e\\u003c!--"'
