"""From logs and words to what they are about: the corpus in logs/, and questions one by one."""

import io
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from veeamcheck.diagnosis.explain import explain, explain_log
from veeamcheck.diagnosis.explanation import About, Explanation, Finding
from veeamcheck.diagnosis.knowledge import Knowledge
from veeamcheck.diagnosis.log_lines import Lines, read_clues
from veeamcheck.expand import expand
from veeamcheck.inventory import parse_inventory
from veeamcheck.rulesets import load_rule_set

LOGS = Path(__file__).parent / "logs"
EXPECTED: dict[str, list[dict[str, Any]]] = tomllib.loads((LOGS / "expected.toml").read_text())
EXAMPLE = Path(__file__).parents[2] / "inventory.example.toml"


def knowledge(text: str, vantage: str | None = None) -> Knowledge:
    inventory = parse_inventory(text, "site.toml")
    return Knowledge(inventory.rule_sets, inventory, expand(inventory, vantage))


SITE = knowledge(EXAMPLE.read_text(encoding="utf-8"))
RULES_ALONE = Knowledge((load_rule_set("veeam-pve"),))


def of_log(text: str, known: Knowledge = SITE) -> Explanation:
    clues = read_clues(Lines(io.StringIO(text)), known.is_host)
    explanation = explain_log("a.log", "a.log", clues, known)
    assert explanation
    return explanation


def of(what: str, known: Knowledge = SITE) -> Explanation:
    explanation = explain(what, known)
    assert explanation
    return explanation


def the_one(explanation: Explanation) -> Finding:
    (finding,) = explanation.findings
    return finding


# --- logs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("log", sorted(LOGS.glob("*.txt")), ids=lambda log: log.stem)
def test_the_corpus_is_explained_as_expected(log: Path) -> None:
    found = []
    for finding in of_log(log.read_text(encoding="utf-8")).findings:
        told: dict[str, Any] = {
            "meanings": list(finding.meanings),
            "title": finding.title,
            "flows": list(finding.flows),
        }
        if finding.lines:
            told["lines"] = [finding.lines.first, finding.lines.last, finding.lines.count]
        found.append(told)
    assert found == EXPECTED[log.stem]


@pytest.mark.parametrize("log", sorted(LOGS.glob("*.txt")), ids=lambda log: log.stem)
def test_everything_that_a_finding_names_is_in_the_explanation(log: Path) -> None:
    explanation = of_log(log.read_text(encoding="utf-8"))
    meanings = {each.id for each in explanation.meanings}
    rules = {fact.id for fact in explanation.rules}
    flows = {flow.id for flow in explanation.flows}
    for finding in explanation.findings:
        assert meanings.issuperset(finding.meanings)
        assert rules.issuperset(finding.rules)
        assert flows.issuperset(finding.flows)
        assert {step.flows for step in finding.steps} != {0} or not finding.flows


def test_without_an_inventory_rules_name_roles() -> None:
    explanation = of_log("Failed to connect to the port [repo1:6160]", RULES_ALONE)
    finding = the_one(explanation)
    assert finding.flows == ()
    assert "backup-server-guest-proxy-installer" in finding.rules
    assert [step.command for step in finding.steps] == ["veeamcheck probe repo1 6160"]
    assert any("No inventory was read" in note for note in explanation.notes)


def test_a_role_in_words_leaves_the_rules_with_such_an_end() -> None:
    finding = the_one(of_log("connect to the worker failed: port 443, connection refused"))
    assert {SITE.facts[rule].target for rule in finding.rules} == {"worker"}


def test_a_service_in_words_stands_in_for_a_port() -> None:
    finding = the_one(of_log("Failed to connect to Installer service on sql1"))
    assert str(finding.ports) == "6160,11731"


def test_what_the_document_leaves_to_others_is_said() -> None:
    assert any("repositories" in each.what for each in of_log("connection refused").not_covered)


def test_a_message_alone_is_explained_and_claims_no_rule() -> None:
    finding = the_one(of_log("Connection refused"))
    assert (finding.meanings, finding.rules, finding.flows) == (("refused",), (), ())


def test_a_host_that_the_inventory_has_not_means_no_flow() -> None:
    finding = the_one(of_log("connect 203.0.113.9:6162: connection timed out"))
    assert finding.flows == ()
    assert any("no host 203.0.113.9" in note for note in finding.notes)


def test_nor_does_the_host_that_wrote_it_make_one() -> None:
    line = "Nov 18 22:03:09 worker1 agent[8]: connect to 203.0.113.9:6162: connection refused"
    assert the_one(of_log(line)).flows == ()


def test_a_port_that_leads_to_no_role_of_the_host_claims_no_rule() -> None:
    finding = the_one(of_log("Connection refused 10.0.10.5:6160"))
    assert (finding.rules, finding.flows) == ((), ())
    assert any("vbr1 (backup-server)" in note for note in finding.notes)


def test_a_refusal_says_that_a_reset_and_a_reject_read_alike() -> None:
    (meaning,) = of_log("actively refused it 10.0.10.5:6160").meanings
    assert "firewall's reject" in meaning.unsure
    assert meaning.signals == ("refused", "rejected")


def test_nothing_recognised_is_none() -> None:
    for text in ("", "\n\n", "the job has finished", "\x00\xff" * 1000):
        clues = read_clues(Lines(io.StringIO(text)), SITE.is_host)
        assert explain_log("x", "x", clues, SITE) is None


def test_of_a_file_without_messages_only_what_is_known_is_named() -> None:
    finding = the_one(of_log("Connected to repo1:6162\nCache x9:777 ratio y2:888\n"))
    assert [named.text for named in finding.named] == ["repo1"]


# --- ports -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "ports", "transport"),
    [
        ("6162", "6162", None),
        ("2502", "2502", None),
        ("2500-3300", "2500-3300", None),
        ("445/tcp", "445", "tcp"),
        ("tcp/445", "445", "tcp"),
        ("UDP 123", "123", "udp"),
        ("port 8006", "8006", None),
    ],
)
def test_ports_are_read(what: str, ports: str, transport: str | None) -> None:
    explanation = of(what)
    finding = the_one(explanation)
    assert explanation.about is About.PORT
    assert (str(finding.ports), finding.transport) == (ports, transport)
    assert finding.rules


def test_a_port_within_a_range_finds_the_rules_of_the_range() -> None:
    finding = the_one(of("2777", RULES_ALONE))
    assert {"worker-backup-server-index", "worker-repository-data"} <= set(finding.rules)


def test_a_port_that_no_rule_names_has_the_nearest_one() -> None:
    finding = the_one(of("6163", RULES_ALONE))
    assert finding.rules == ()
    assert finding.notes[0] == "No rule names port 6163."
    assert finding.notes[1].startswith("The nearest that is documented is tcp 6162: ")


def test_a_port_of_the_other_transport_is_told() -> None:
    finding = the_one(of("445/udp", RULES_ALONE))
    assert any("documented for tcp, not for udp" in note for note in finding.notes)


@pytest.mark.parametrize("what", ["0", "70000", "3300-2500"])
def test_a_port_that_cannot_be_is_an_error(what: str) -> None:
    with pytest.raises(ValueError, match=r"port|run"):
        explain(what, SITE)


def test_a_port_that_the_site_has_moved_finds_the_flow() -> None:
    known = knowledge(
        """
        [hosts.w1]
        address = "192.0.2.1"
        roles = ["worker"]
        [hosts.r1]
        address = "192.0.2.2"
        roles = ["repository"]
        ports = { "6162" = "16162" }
        """
    )
    finding = the_one(of_log("connect to 192.0.2.2:16162: connection refused", known))
    assert finding.flows == ("worker-repository-data@w1>r1",)


# --- rules, flows, hosts, words --------------------------------------------------------------


def test_a_rule_and_a_glob() -> None:
    assert the_one(of("worker-pve-api")).flows == (
        "worker-pve-api@worker1>pve1",
        "worker-pve-api@worker1>pve2",
    )
    assert set(the_one(of("WORKER-pve-*")).rules) == {"worker-pve-api", "worker-pve-ssh"}


def test_a_flow() -> None:
    explanation = of("worker-pve-api@worker1>pve1")
    assert explanation.about is About.FLOW
    finding = the_one(explanation)
    assert finding.flows == ("worker-pve-api@worker1>pve1",)
    (step,) = finding.steps
    assert step.host == "pve1"  # the stand-in
    assert "--rule worker-pve-api --host pve1" in step.command


def test_a_flow_that_does_not_arise_says_why() -> None:
    finding = the_one(of("worker-repository-data@worker1>repo1"))
    assert finding.flows == ()
    assert any("jobs of this site write to nas1 only" in note for note in finding.notes)


@pytest.mark.parametrize("what", ["repo1", "REPO1", "repo1.example.com", "Repo1.Example.Com."])
def test_a_host_by_any_of_its_names(what: str) -> None:
    explanation = of(what)
    assert explanation.about is About.HOST
    assert the_one(explanation).flows == ("log-shipping-repository-logs@gip1>repo1",)


def test_this_machine_comes_first() -> None:
    known = knowledge(EXAMPLE.read_text(encoding="utf-8"), "vbr1")
    assert [step.host for step in the_one(of("pve1", known)).steps] == ["vbr1", "pve1"]


def test_a_word_has_all_its_meanings() -> None:
    explanation = of("OPEN")
    assert explanation.about is About.WORD
    assert [meaning.title for meaning in explanation.meanings] == ["signal", "reason to pass"]


@pytest.mark.parametrize("what", ["", "nobody", "no-such-rule@a>b", "a b c", "*.log"])
def test_anything_else_is_left_to_the_log_reader(what: str) -> None:
    assert explain(what, SITE) is None


@given(st.text())
@example("[" * 100_000)
@example("a@" * 50_000)
@example("9" * 100_000)
@example("*" * 1_000)
def test_no_question_raises_but_for_a_port_that_cannot_be(what: str) -> None:
    try:
        explain(what, SITE)
    except ValueError as error:
        assert "port" in str(error) or "run" in str(error)


def test_a_failover_port_leads_to_the_primary() -> None:
    finding = the_one(of_log("connect to gw1:2502: connection timed out"))
    assert any("the primary port (6162)" in note for note in finding.notes)
    finding = the_one(of_log("connect to gw1:6162: connection timed out"))
    assert not any("primary" in note for note in finding.notes)
