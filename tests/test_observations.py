"""What scripts print: read strictly, and judged as an audit from there would be."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests import oracle
from veeamcheck.auditing.contacts import SINGLES, contacts_of
from veeamcheck.engine.ranges import FROM_BOTTOM, SPREAD
from veeamcheck.inventory import parse_inventory
from veeamcheck.model import InputError, Inventory, Outcome, Policy, ReasonCode, Report, Verdict
from veeamcheck.observations import is_observations, judge_observations, read_observations
from veeamcheck.reports import json as json_format

INVENTORY = """
[audit]
phase = "{phase}"
[hosts.worker1]
address = "10.0.20.11"
roles = ["worker"]
[hosts.vbr1]
address = "10.0.10.5"
roles = ["backup-server"]
[hosts.repo1]
address = ["repo1.example.com", "10.0.30.6"]
roles = ["repository"]
[hosts.time1]
address = "ntp.example.com"
roles = ["ntp-server"]
[hosts.sql1]
address = "10.0.40.7"
roles = ["vm-guest"]
os = "windows"
databases = "mssql"
stand_in = "worker1"
"""
DATA = "worker-backup-server-index@worker1>vbr1"
REPOSITORY = "worker-repository-data@worker1>repo1"
TIME = "worker-ntp-server-time@worker1>time1"
NAMES = {"repo1.example.com": ["10.0.30.5"]}


def inventory(phase: str = "live", more: str = "") -> Inventory:
    return parse_inventory(INVENTORY.format(phase=phase) + more, "site.toml")


def observed(
    site: Inventory,
    signals: Mapping[tuple[str, int], str],
    *,
    otherwise: str = "open",
    names: Mapping[str, list[str]] = NAMES,
    said: str = "",
    **more: Any,
) -> str:
    """What a script on worker1 prints where these ports show this."""
    asked = contacts_of(site, "worker1", full_range=True)
    results = [
        {
            "address": address,
            "port": port,
            "signal": signals.get((address, port))
            or ("refused" if port in asked.closed else otherwise),
            "said": said if (address, port) in signals else "",
        }
        for contact in asked.contacts
        for address in names.get(contact.address, [contact.address])
        for port in contact.ports
    ]
    document = {
        "schema_version": 1,
        "kind": "observations",
        "version": "0.1.0",
        "vantage": "worker1",
        "fingerprint": asked.fingerprint,
        "full_range": True,
        "closed": asked.closed,
        "means": "script: bash",
        "attributes": False,
        "start": "2026-11-22T10:00:00Z",
        "end": "2026-11-22T10:01:00Z",
        "own_addresses": ["10.0.20.11"],
        "names": names,
        "results": results,
        **more,
    }
    return json.dumps(document)


def judged(site: Inventory, text: str) -> Report:
    report = judge_observations(site, read_observations(text, "o.json"), "o.json", Policy())
    assert oracle.disagreements(json.loads(json_format.render(report))) == []
    return report


def of(report: Report, flow_id: str) -> Outcome:
    (found,) = (flow for flow in report.flows if flow.id == flow_id)
    return found


def said(report: Report, flow_id: str) -> tuple[Verdict, ReasonCode]:
    flow = of(report, flow_id)
    return flow.verdict, flow.reason_code


def test_all_that_is_open_passes_but_what_a_script_cannot_test() -> None:
    report = judged(inventory(), observed(inventory(), {}))

    verdicts = {flow.id: flow.verdict for flow in report.flows if flow.runs_from == "worker1"}
    assert verdicts.pop(TIME) is Verdict.UNPROVEN
    assert set(verdicts.values()) == {Verdict.PASS}
    assert "a script cannot test UDP" in of(report, TIME).reason
    assert {row.means for row in of(report, DATA).evidence} == {"script: bash"}
    assert (report.run.vantages, report.run.checks) == (("worker1",), "connect")
    assert report.run.missing_evidence
    assert report.warnings == ()


def test_a_stand_in_says_so() -> None:
    report = judged(inventory(), observed(inventory(), {}))
    assert any("standing in for sql1" in flow.reason for flow in report.flows)


def test_a_hole_in_a_range() -> None:
    hole = {("10.0.10.5", port): "silent" for port in range(2900, 2910)}
    report = judged(inventory(), observed(inventory(), hole, otherwise="refused"))

    assert said(report, DATA) == (Verdict.FAIL, ReasonCode.BLOCKED_SILENT)
    assert "2900-2909" in of(report, DATA).reason


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (False, (Verdict.UNPROVEN, ReasonCode.REFUSAL_UNATTRIBUTED)),
        (True, (Verdict.PASS, ReasonCode.PATH_CLEAR)),
    ],
)
def test_a_refusal_proves_a_path_only_where_it_can_be_told_from_a_reject(
    attributes: bool, expected: tuple[Verdict, ReasonCode]
) -> None:
    site = inventory("predeploy")
    text = observed(site, {}, otherwise="refused", attributes=attributes)
    assert said(judged(site, text), DATA) == expected


@pytest.mark.parametrize(
    ("primary", "failover", "expected"),
    [
        ("open", "silent", (Verdict.PASS, ReasonCode.OPEN)),
        ("silent", "open", (Verdict.DEGRADED, ReasonCode.FAILOVER_ONLY)),
        ("silent", "silent", (Verdict.UNPROVEN, ReasonCode.IDLE_SILENT)),
        ("refused", "open", (Verdict.DEGRADED, ReasonCode.FAILOVER_ONLY)),
    ],
)
def test_failover_ports_count_where_they_are_needed(
    primary: str, failover: str, expected: tuple[Verdict, ReasonCode]
) -> None:
    site = inventory()
    signals = {
        (address, port): failover
        for address in ("10.0.30.5", "10.0.30.6")
        for port in range(2500, 3301)
    } | {(address, 6162): primary for address in ("10.0.30.5", "10.0.30.6")}

    report = judged(site, observed(site, signals))

    assert said(report, REPOSITORY) == expected
    ports = {str(row.ports) for row in of(report, REPOSITORY).evidence}
    assert ports == ({"6162"} if primary == "open" else {"6162", "2500-3300"})


def test_a_name_without_an_address() -> None:
    site = inventory()
    report = judged(site, observed(site, {}, names={"repo1.example.com": []}))
    assert said(report, REPOSITORY) == (Verdict.FAIL, ReasonCode.UNRESOLVED)


def test_a_name_and_its_own_address_both_count() -> None:
    site = inventory()
    names = {"repo1.example.com": ["10.0.30.6"]}

    report = judged(site, observed(site, {("10.0.30.6", 6162): "refused"}, names=names))

    evidence = of(report, REPOSITORY).evidence
    assert {row.name for row in evidence} == {"repo1.example.com", None}
    assert said(report, REPOSITORY) == (Verdict.DEGRADED, ReasonCode.FAILOVER_ONLY)


def test_something_that_accepts_for_everybody() -> None:
    site = inventory()
    closed = contacts_of(site, "worker1").closed
    text = observed(site, {("10.0.10.5", port): "open" for port in closed})
    assert said(judged(site, text), DATA) == (Verdict.UNPROVEN, ReasonCode.ACCEPTS_ALL)


def test_the_target_itself() -> None:
    site = inventory()
    text = observed(site, {}, own_addresses=["10.0.20.11", "10.0.30.5", "fe80::1%eth0"])
    assert said(judged(site, text), REPOSITORY) == (Verdict.UNTESTED, ReasonCode.SAME_HOST)


def test_a_script_that_ran_elsewhere_is_a_warning() -> None:
    site = inventory()
    report = judged(site, observed(site, {}, own_addresses=["10.9.9.9", "127.0.0.1"]))
    assert report.warnings == (
        "the script for worker1 ran on a machine that has none of its addresses (10.0.20.11), "
        "but 10.9.9.9",
    )


def test_what_the_host_said_is_in_the_evidence() -> None:
    site = inventory()
    text = observed(site, {("10.0.10.5", 2500): "unreachable"}, said="No route to host")

    flow = of(judged(site, text), DATA)

    (row,) = (row for row in flow.evidence if row.signal == "unreachable")
    assert (str(row.ports), row.probed, row.detail) == ("2500", 1, {"meaning": "No route to host"})


# --- what is refused ---


def problem(site: Inventory, text: str) -> str:
    with pytest.raises(InputError) as error:
        judged(site, text)
    return str(error.value)


@pytest.mark.parametrize(
    "more",
    [
        '[hosts.repo2]\naddress = "10.0.30.9"\nroles = ["repository"]\n',
        '[hosts.vbr2]\naddress = "10.0.10.6"\nroles = ["backup-server"]\n',
    ],
)
def test_a_script_made_for_other_flows(more: str) -> None:
    assert "made for other flows from 'worker1'" in problem(
        inventory(more=more), observed(inventory(), {})
    )


def test_a_host_that_is_not_in_the_inventory() -> None:
    assert "made for other flows from 'gone'" in problem(
        inventory(), observed(inventory(), {}, vantage="gone")
    )


def test_a_comment_more_in_the_inventory_changes_nothing() -> None:
    assert judged(inventory(more="# hello\n"), observed(inventory(), {}))


@pytest.mark.parametrize(
    "keep",
    [
        lambda each: each["port"] != 6162,
        lambda each: each["port"] != 3300,
        lambda each: each["port"] not in range(2890, 2900),
        lambda each: False,
    ],
)
def test_results_that_are_not_whole(keep: Any) -> None:
    site = inventory()
    signals = {("10.0.10.5", port): "silent" for port in range(2900, 3000)}
    document = json.loads(observed(site, signals))
    document["results"] = [each for each in document["results"] if keep(each)]
    assert "are not complete" in problem(site, json.dumps(document))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"results": [{"address": "a", "port": 0, "signal": "open"}]}, "results.0.port"),
        ({"results": [{"address": "a", "port": 1, "signal": "ajar"}]}, "results.0.signal"),
        ({"start": "yesterday"}, "start"),
    ],
)
def test_text_that_no_script_prints(change: dict[str, Any], text: str) -> None:
    assert text in problem(inventory(), observed(inventory(), {}, **change))


def test_text_that_ends_early() -> None:
    with pytest.raises(InputError):
        read_observations(observed(inventory(), {})[:-9], "o.json")


@pytest.mark.parametrize("text", ["", "[]", "7", "{", '{"kind": "report"}', "[" * 100_000])
def test_what_is_no_observations(text: str) -> None:
    assert not is_observations(text)


# --- what is contacted ---


def test_ranges_are_sampled_unless_they_are_wanted_in_full() -> None:
    site = inventory()
    sampled, full = (contacts_of(site, "worker1", full_range=each) for each in (False, True))

    def ranges(asked: Any) -> list[int]:
        return [len(each.ports) for each in asked.contacts if each.group != SINGLES]

    assert set(ranges(full)) == {801}
    assert set(ranges(sampled)) == {FROM_BOTTOM + 1 + SPREAD}
    assert sampled == contacts_of(site, "worker1")
    assert sampled.names == ("repo1.example.com",)
    assert sampled.fingerprint == full.fingerprint
