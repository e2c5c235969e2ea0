"""The pytest plugin: scenario files are items, and fixtures build worlds."""

from __future__ import annotations

import pytest

from tests.harness.test_cli import GOOD

pytest_plugins = ["pytester"]


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makefile(".toml", good=GOOD, other="[tool]\nname = 1\n", broken="not toml")
    return pytester


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest("-p", "no:cacheprovider", *arguments)


def test_a_scenario_file_is_an_item_and_other_toml_is_not(suite: pytest.Pytester) -> None:
    result = run(suite, "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["good.toml::literal PASSED*"])


def test_an_item_for_each_reading(suite: pytest.Pytester) -> None:
    run(suite, "--fdl-reading", "all").assert_outcomes(passed=8)
    run(suite, "--fdl-reading", "revive").assert_outcomes(passed=1)
    suite.makeini("[pytest]\nfdl_readings = literal revive\n")
    run(suite).assert_outcomes(passed=2)


def test_an_unknown_reading_is_a_usage_error(suite: pytest.Pytester) -> None:
    result = run(suite, "--fdl-reading", "nobody")
    result.stderr.fnmatch_lines(["*no reading is named 'nobody'; there are literal, *"])


def test_a_failure_reads_as_the_commands_without_a_traceback(suite: pytest.Pytester) -> None:
    suite.makefile(".toml", good=GOOD.replace('"interrupted"', '"registered"'))
    result = run(suite)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['*good.toml:15: expected fdl: status = "registered"*', "*again: fdl-harness run *"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*runtest*")


def test_a_mistake_in_a_file_is_told_as_the_command_tells_it(suite: pytest.Pytester) -> None:
    suite.makefile(".toml", good=GOOD.replace("server.stop", "server.stopp"))
    result = run(suite)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*good.toml:13:6: events[[]0[]].do: found*did you mean server.stop?*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_scenario_with_a_slip_in_its_toml_fails_and_does_not_vanish(suite: pytest.Pytester) -> None:
    suite.makefile(".toml", good=GOOD.replace('duration = "2d"', 'duration = "2d'))
    result = run(suite)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*good.toml:4:15: found what is not TOML*"])


def test_a_byte_order_mark_hides_no_scenario(suite: pytest.Pytester) -> None:
    (suite.path / "good.toml").write_text(GOOD.lstrip(), encoding="utf-8-sig")
    run(suite).assert_outcomes(passed=1)


def test_what_could_not_be_judged_fails(suite: pytest.Pytester) -> None:
    suite.makefile(".toml", good=GOOD.replace('["R028"]', '["R112"]'))
    result = run(suite)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*R112 was never put to the test*"])


def test_with_xdist(suite: pytest.Pytester) -> None:
    run(suite, "--fdl-reading", "all", "-n", "2").assert_outcomes(passed=8)


def test_the_fixtures(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest
        from harness import Outcome, ScenarioError
        from pathlib import Path

        def test_a_world(world):
            world.licence(capacity=3)
            world.nodes("fdl", count=3, spread="40m")
            world.at("1d 1h 30m").server_stop(lasts="5h")
            world.at("2d").node_register("fdl-1")
            result = world.run("3d")
            assert result.outcome is Outcome.PASSED
            assert world.status("fdl-1", at="1d 3h") == "interrupted"
            assert world.access("fdl-1", at="1d 3h") is True
            assert world.failure("fdl-1", at="1d 3h") == "/"
            assert world.registered(at="3d") == 3

        def test_its_mistakes(world):
            world.nodes("fdl")
            world.at("1d").node_register("fdx")
            with pytest.raises(ScenarioError, match=r"events\\[0\\].node: found .fdx"):
                world.run("2d")
            with pytest.raises(AttributeError, match="no event is called 'server_stopp'"):
                world.at("1d").server_stopp()

        def test_before_it_ran(world):
            with pytest.raises(RuntimeError, match="call run"):
                world.status("fdl", at="1d")

        @pytest.mark.parametrize("every_poll", [False, True])
        def test_a_file(run_scenario, every_poll):
            here = run_scenario(Path("good.toml"), every_poll=every_poll)
            assert here.outcome is Outcome.PASSED
            assert run_scenario(Path("good.toml").read_text(), reading="revive").reading.name == "revive"
        """
    )
    run(suite).assert_outcomes(passed=6)
