"""`veeamcheck rules`."""

import pytest

from tests.cli.conftest import Veeamcheck
from veeamcheck.cli._rule_text import condition_text
from veeamcheck.model import Condition, Population
from veeamcheck.rulesets import load_rule_set

RULES = load_rule_set("veeam-pve").rules


def test_the_list_names_every_rule_and_table_once(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("rules")
    assert (result.status, result.err) == (0, "")
    lines = result.out.splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert listed == [rule.id for rule in RULES]
    for section in {rule.section for rule in RULES}:
        assert lines.count(section) == 1


def test_one_in_full(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("rules", "show", "worker-repository-data")
    assert (result.status, result.err) == (0, "")
    words = " ".join(result.out.split())
    rule = next(rule for rule in RULES if rule.id == "worker-repository-data")
    for text in ("tcp 6162, else 2500-3300", "Workers, row 5", rule.purpose, rule.breaks):
        assert text in words


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_can_be_shown(veeamcheck: Veeamcheck, rule: object) -> None:
    rule_id = getattr(rule, "id")  # noqa: B009
    assert rule_id in veeamcheck("rules", "show", rule_id).out


def test_json(veeamcheck: Veeamcheck) -> None:
    shown = veeamcheck("rules", "show", "worker-repository-data", "-o", "json").json
    assert (shown["ports"], shown["failover"], shown["mode"]) == (
        ["6162"],
        ["2500-3300"],
        "failover",
    )


def test_an_unknown_rule(veeamcheck: Veeamcheck) -> None:
    result = veeamcheck("rules", "show", "worker-repository-date")
    assert (result.status, result.out) == (2, "")
    assert "did you mean 'worker-repository-data'?" in result.err


@pytest.mark.parametrize(
    ("when", "text"),
    [
        (Condition(), ""),
        (Condition(options={"smb1": True}), "option smb1 is true"),
        (Condition(target={"gateway": ()}), "target gateway is not set"),
        (
            Condition(source={"databases": ("mssql", "oracle")}, target={"os": ("linux", "")}),
            "source databases is mssql or oracle; target os is linux or not set",
        ),
        (
            Condition(
                has=(Population(role="vm-guest", attributes={"runtime": "persistent"}),),
                lacks=(Population(role="log-shipping-server"),),
            ),
            "the inventory has a vm-guest (runtime persistent); "
            "the inventory lacks a log-shipping-server",
        ),
    ],
)
def test_conditions_in_words(when: Condition, text: str) -> None:
    assert condition_text(when) == text
