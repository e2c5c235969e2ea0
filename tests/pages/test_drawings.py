"""The diagrams say what the law says, and the pictures in docs/images are those that are drawn today."""

from __future__ import annotations

import re

from tests.pages.drawings import IMAGES, PICTURED, ROOT, drawings
from tests.pages.states import NODE_BOXES, Box, Change, diagram, node_changes, slot_changes

#: The table of outcomes (module docstring of fake_fdl_nodes/node.py), what ends a grant, 24 h of silence, and unbind.
NODE = {
    ("unregistered", "granted", "registered"),
    ("registered", "refused", "rejected"),
    ("registered", "no answer", "interrupted"),
    ("interrupted", "granted", "registered"),
    ("interrupted", "refused", "rejected"),
    ("rejected", "granted", "registered"),
    ("lapsed", "granted", "registered"),
    # The licence ends by the node's own reckoning.
    ("registered", "expired", "rejected"),
    ("interrupted", "expired", "rejected"),
    # A registered node lapses as it wakes, the others as their last poll fails.
    ("registered", "24 h of silence", "lapsed"),
    ("interrupted", "24 h of silence", "lapsed"),
    ("rejected", "24 h of silence", "lapsed"),
    ("registered", "unbound", "unregistered"),
    ("interrupted", "unbound", "unregistered"),
    ("rejected", "unbound", "unregistered"),
    ("lapsed", "unbound", "unregistered"),
}
SLOT = {
    ("free", "register granted", "held"),
    ("held", "unbound", "free"),
    ("held", "-destroy", "free"),
    ("held", "24 h without a request", "free"),
    ("held", "24 h without a request, while down", "void, still stored"),
    ("void, still stored", "started", "free"),
    ("void, still stored", "started, clock set back", "held"),
}


def test_a_node_changes_as_its_law_says() -> None:
    assert {tuple(change) for change in node_changes()} == NODE


def test_a_slot_changes_as_its_law_says() -> None:
    assert {tuple(change) for change in slot_changes()} == SLOT


def test_a_diagram_has_an_arrow_for_each_pair_and_every_word() -> None:
    changes = {Change("a", "x", "b"), Change("a", "y", "b"), Change("b", "z", "a"), Change("b", "gone", "c")}
    boxes = {"a": Box(100, 100, "well"), "b": Box(500, 100, "lost"), "c": Box(900, 100, "none")}
    drawn = diagram(changes, boxes, height=200, left_out="gone")
    assert drawn.count('<path d="M1') + drawn.count('<path d="M4') == 2
    assert re.findall(r"<tspan[^>]*>(.*?)<", drawn) == ["x", "y", "z"]
    assert "gone: from b to c" in drawn


def test_what_leads_from_everywhere_is_said_once() -> None:
    drawn = diagram(node_changes(), NODE_BOXES, height=490, left_out="unbound")
    assert "unbound: from every other status to unregistered" in drawn


def test_the_pictures_are_those_that_are_drawn_today() -> None:
    drawn = dict(drawings())
    old = [name for name, content in drawn.items() if (IMAGES / name).read_text(encoding="utf-8") != content]
    assert old == [], "make images"
    pages = [(ROOT / page).read_text(encoding="utf-8") for page in PICTURED]
    assert sorted(re.findall(r"images/([\w-]+\.svg)\)", "".join(pages))) == sorted(drawn)
