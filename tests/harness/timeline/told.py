"""Small runs whose timelines are worked out by hand."""

from __future__ import annotations

from typing import Any

from harness.report.timeline.story import Lane, Story
from harness.report.timeline.told import story_of
from harness.runner import jobs_for, run_one
from harness.scenario_file import loads
from tests.harness.test_cli import GOOD

MINUTE = 60_000_000
HOUR = 60 * MINUTE
#: 2026-03-01T00:00:00Z.
START = 1_772_323_200_000_000
#: GOOD is one node for two days that registers at 0 and polls every 2 h. Messages take 5 ms each way. The server is
#: down from 25 h to 27 h. Here it is down for 30 h, over the node's deadline at 48 h, and the run lasts three days.
LONG = GOOD.replace('lasts = "2h"', 'lasts = "30h"').replace('"2d"', '"3d"')


def told(text: str = GOOD, **machines: Any) -> Story:
    """Return the story of a run of this scenario."""
    (job,) = jobs_for(loads(text, file="x.toml"), None)
    return story_of(run_one(job, **machines))


def lane(story: Story, name: str) -> Lane:
    """Return the lane with this name."""
    (found,) = (each for each in story.lanes if each.name == name)
    return found


def events(*tables: str) -> str:
    """Return GOOD with other events, each the lines of one table, and without expectations."""
    return GOOD.split("[[events]]")[0] + "".join(f"[[events]]\n{table}\n" for table in tables)
