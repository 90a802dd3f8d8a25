"""The JSON Schema of rule sets."""

import copy
import tomllib
from typing import Any

import jsonschema
import pytest

from veeamcheck.rule_set_schema import rule_set_schema
from veeamcheck.rulesets import shipped

SHIPPED = {
    name: tomllib.loads(file.read_text(encoding="utf-8")) for name, file in shipped().items()
}
VALIDATOR = jsonschema.Draft202012Validator(rule_set_schema())


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_valid(name: str) -> None:
    VALIDATOR.validate(SHIPPED[name])


@pytest.mark.parametrize(
    "change",
    [
        {"id": "has spaces"},
        {"row": 0},
        {"transport": "sctp"},
        {"ports": {"primary": [6162]}},
        {"ports": {"all": [0]}},
        {"target": {"gateways_of": "repository"}},
        {"listener": "sometimes"},
        {"purpos": "a slip"},
        {"when": {"option": {}}},
        {"when": {"inventory": {"has": {"runtime": "persistent"}}}},
    ],
    ids=str,
)
def test_mistakes_are_not(change: dict[str, Any]) -> None:
    rule_set = copy.deepcopy(SHIPPED["veeam-pve"])
    rule_set["rules"][0].update(change)
    assert not VALIDATOR.is_valid(rule_set)


def test_activities_can_be_left_out() -> None:
    rule_set = copy.deepcopy(SHIPPED["veeam-pve"])
    del rule_set["activities"]
    for rule in rule_set["rules"]:
        del rule["affects"]
    VALIDATOR.validate(rule_set)


@pytest.mark.parametrize("change", [{"of": {"worker": 1}}, {"title": 1}, {"weight": 1}], ids=str)
def test_mistakes_in_activities(change: dict[str, Any]) -> None:
    rule_set = copy.deepcopy(SHIPPED["veeam-pve"])
    rule_set["activities"][0].update(change)
    assert not VALIDATOR.is_valid(rule_set)


@pytest.mark.parametrize("key", ["rule_set", "roles", "rules"])
def test_what_must_not_be_missing(key: str) -> None:
    rule_set = copy.deepcopy(SHIPPED["veeam-pve"])
    del rule_set[key]
    assert not VALIDATOR.is_valid(rule_set)
