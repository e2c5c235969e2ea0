"""Results as JUnit XML, for CI servers: one test case for each scenario and reading."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from harness.report.failures import explain
from harness.runner import Outcome, Result

__all__ = ["results_as_junit"]

#: Control characters, halves of surrogate pairs (bytes of a file's name that are no text), and the two non-characters.
_ILLEGAL = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def results_as_junit(results: Sequence[Result]) -> str:
    """Return ``results`` as JUnit XML text. A scenario that could not be judged is an error, not a failure."""
    counts = [each.outcome for each in results]
    suite = ET.Element(
        "testsuite",
        name="fdl-harness",
        tests=str(len(results)),
        failures=str(counts.count(Outcome.FAILED)),
        errors=str(counts.count(Outcome.UNKNOWN)),
        skipped=str(counts.count(Outcome.SKIPPED)),
    )
    for result in results:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=_legal(result.scenario.file),
            name=_legal(f"{result.scenario.title} [{', '.join((result.reading.name, *result.systems))}]"),
        )
        if result.skipped is not None:
            ET.SubElement(case, "skipped", message=_legal(result.skipped))
        elif result.outcome is not Outcome.PASSED:
            kind = "failure" if result.outcome is Outcome.FAILED else "error"
            lines = explain(result)
            ET.SubElement(case, kind, message=_legal(lines[0])).text = _legal("\n".join(lines))
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _legal(text: str) -> str:
    """Return ``text`` without the characters that XML has no way to write; a file's name can hold some."""
    return _ILLEGAL.sub("?", text)
