"""The prompt's commands hand on what is meant for another program, and explain what failed."""

import argparse

import pytest

from include.local import __main__ as prompt
from include.local import stack


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[argparse.Namespace]:
    """Give the list of commands that would have run."""
    runs: list[argparse.Namespace] = []

    def run(chosen: argparse.Namespace) -> int:
        runs.append(chosen)
        return 0

    monkeypatch.setattr(prompt, "_run", run)
    return runs


@pytest.mark.parametrize("program", ["psql", "dbt", "airflow"])
def test_a_programs_options_are_its_own(taken: list[argparse.Namespace], program: str) -> None:
    assert prompt.main([program, "-c", "select 1", "--help"]) == 0
    assert (taken[0].command, taken[0].arguments) == (program, ["-c", "select 1", "--help"])


def test_an_unknown_option_of_the_stack_is_refused(taken: list[argparse.Namespace]) -> None:
    with pytest.raises(SystemExit):
        prompt.main(["stop", "--now"])
    assert taken == []


def test_a_failure_is_one_line_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(chosen: argparse.Namespace) -> int:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(prompt, "_run", fail)
    assert prompt.main(["start"]) == 1
    assert capsys.readouterr().err == "start: the disk is full\n"


@pytest.mark.parametrize("value", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SOKOL_AIRFLOW_PORT", value)
    with pytest.raises(ValueError, match="SOKOL_AIRFLOW_PORT"):
        stack._port("SOKOL_AIRFLOW_PORT")
