"""Draws the pictures of docs/how-it-works.md again, without a browser: ``make images``."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness.report.timeline.picture import write_picture
from harness.report.timeline.told import story_of
from harness.runner import Job, run_one
from harness.scenario import Scenario
from harness.scenario_file import loads
from reference_server.readings import LITERAL
from tests.pages.states import NODE_BOXES, SLOT_BOXES, diagram, node_changes, slot_changes

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"


def drawings() -> Iterator[tuple[str, str]]:
    """Yield each picture: the name of its file, and what belongs into it."""
    text = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    for name, content in re.findall(r"^```toml\n# (\w+)\.toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield f"{name}.svg", _timeline(loads(content, file=f"{name}.toml"))
    yield "node-states.svg", diagram(node_changes(), NODE_BOXES, height=490, left_out="unbound")
    yield "slot-states.svg", diagram(slot_changes(), SLOT_BOXES, height=330)


def _timeline(scenario: Scenario) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.svg"
        write_picture(story_of(run_one(Job(scenario=scenario, reading=LITERAL))), file)
        return file.read_text(encoding="utf-8")


def main() -> None:
    """Write them all."""
    for name, content in drawings():
        (IMAGES / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
