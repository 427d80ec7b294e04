"""Commands that are killed, run into errors, find damage or may not: nothing is lost, and they can be run again."""

from __future__ import annotations

import pytest
from tests.faults.conftest import RunCampaign
from tests.faults.mutants import MUTANTS
from tests.faults.scenarios import SCENARIOS

COMMANDS = tuple(SCENARIOS)
pytestmark = pytest.mark.slow


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("command", COMMANDS)
def test_killed(command: str, run_campaign: RunCampaign, request: pytest.FixtureRequest) -> None:
    report = run_campaign("kills", command)
    assert report.broken == []
    assert sum(report.tried.values()) == request.config.getoption("--faults")
    assert report.tried["killed at a random time"] > 0


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("command", COMMANDS)
def test_errors_of_the_disk(command: str, run_campaign: RunCampaign) -> None:
    report = run_campaign("errors", command)
    assert report.broken == []
    assert {"no space", "read fails", "short write", "Ctrl-C", "size limit"} <= report.tried.keys()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("command", COMMANDS)
def test_damaged_objects(command: str, run_campaign: RunCampaign) -> None:
    report = run_campaign("damage", command)
    assert report.broken == []
    assert {"flipped", "cut short", "swapped"} <= report.tried.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_missing_rights(command: str, run_campaign: RunCampaign) -> None:
    report = run_campaign("rights", command)
    assert report.broken == []
    assert report.tried["no right"] > 0


@pytest.mark.parametrize("command", ["add", "commit"])
def test_files_that_change_while_they_are_read(command: str, run_campaign: RunCampaign) -> None:
    report = run_campaign("meddling", command)
    assert report.broken == []
    assert report.tried["changed while read"] > 0


@pytest.mark.parametrize("command", COMMANDS)
def test_the_order_of_calls(command: str, run_campaign: RunCampaign) -> None:
    report = run_campaign("order", command)
    assert report.broken == []
    assert report.tried["order of calls"] == len(SCENARIOS[command])


def test_files_that_may_change_within_one_tick(run_campaign: RunCampaign) -> None:
    report = run_campaign("racy", "add")
    assert report.broken == []
    assert report.tried["clock stands still"] > 0


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_a_planted_bug_is_found(name: str, run_campaign: RunCampaign) -> None:
    mutant = MUTANTS[name]
    found = run_campaign(mutant.kind, mutant.command, quota=mutant.quota, mutant=name, only=(mutant.scenario,))
    assert found.broken, f"{found.tried} faults did not show it"
    sound = run_campaign(mutant.kind, mutant.command, quota=sum(found.tried.values()), only=(mutant.scenario,))
    assert sound.broken == []
