"""Scenario files: TOML in, a checked `harness.scenario.Scenario` out, or every mistake of the file at once.

`document` reads TOML and knows where everything stands; `frame` is what the meaning of the rest depends on;
`tables`, `events` and `keys` are the format, `values` what its values mean; `checking` tells all mistakes, `loading`
makes the scenario. `content` and `printing` go the way back. Nothing outside this package knows pydantic or
spanned-toml.
"""

from harness.problems import Problem, ScenarioError
from harness.scenario_file.content import Unprintable, content_of
from harness.scenario_file.document import Document
from harness.scenario_file.grouping import grouped
from harness.scenario_file.loading import from_mapping, load, loads, read, scenario_of
from harness.scenario_file.printing import printed, written
from harness.scenario_file.tables import schema

__all__ = [
    "Document",
    "Problem",
    "ScenarioError",
    "Unprintable",
    "content_of",
    "from_mapping",
    "grouped",
    "load",
    "loads",
    "printed",
    "read",
    "scenario_of",
    "schema",
    "written",
]
