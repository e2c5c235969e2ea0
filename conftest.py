"""What all tests share: one Hypothesis profile, whose examples are the same in every run, and the choice of what needs
more than Python: wires, and a browser.
"""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "fdl-harness",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fdl-harness")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--wires`` and ``--browser``: what runs real programs needs more of the machine than the rest."""
    parser.addoption("--wires", default="", metavar="NAME,...", help="also run the tests marked wire(NAME)")
    parser.addoption(
        "--browser", default="", metavar="FILE", help="also run the tests marked browser, in this Chromium"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a wire or a browser that was not asked for."""
    chosen = item.config.getoption("--wires").split(",")
    missing = [marker.args[0] for marker in item.iter_markers("wire") if marker.args[0] not in chosen]
    if missing:
        pytest.skip(f"it takes its time; --wires {','.join(missing)} includes it")
    if item.get_closest_marker("browser") and not item.config.getoption("--browser"):
        pytest.skip("it opens pages; --browser /path/to/chromium includes it")
