"""Draws the pictures of the README and docs/how-it-works.md again, without a browser: ``make images``."""

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
#: The scenarios of which pages have a picture.
PICTURED = {"README.md": ["down_23h"], "docs/how-it-works.md": ["law", "silence"]}


def drawings() -> Iterator[tuple[str, str]]:
    """Yield each picture: the name of its file, and what belongs into it."""
    for page, names in PICTURED.items():
        text = (ROOT / page).read_text(encoding="utf-8")
        for name in names:
            found = re.search(rf"^```toml\n# {name}\.toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
            assert found is not None, f"{page} shows no {name}.toml"
            yield f"{name}.svg", _timeline(loads(found[1], file=f"{name}.toml"))
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
