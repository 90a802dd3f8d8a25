from dataclasses import replace

import pytest

from tests.samples import all_pass, flow, report, run_note, seen
from veeamcheck.diagnosis.blocked import may_be_blocked
from veeamcheck.firewall.connections import address_book
from veeamcheck.firewall.openings import find_openings
from veeamcheck.model import Outcome, Phase, ReasonCode, Signal, Verdict
from veeamcheck.reports._next_steps import next_steps
from veeamcheck.reports._words import command

FIREWALL = "veeamcheck firewall REPORT --only failed"


def failed(code: ReasonCode, signal: Signal, verdict: Verdict = Verdict.FAIL) -> Outcome:
    return flow("backup-server-pve-ssh", "vbr1", "pve1", "22", verdict, code, [seen("22", signal)])


SILENT = failed(ReasonCode.BLOCKED_SILENT, Signal.SILENT)


def test_what_is_silent_leads_to_the_request_and_to_the_place() -> None:
    request, place = next_steps(report([SILENT]))
    assert FIREWALL in request
    assert "veeamcheck trace -i inventory.toml" in place
    assert "backup-server-pve-ssh@vbr1>pve1" in place
    assert "on vbr1 " in place


def test_where_a_firewall_says_no_its_place_is_known() -> None:
    (request,) = next_steps(report([failed(ReasonCode.BLOCKED_REJECTED, Signal.REJECTED)]))
    assert FIREWALL in request


@pytest.mark.parametrize(
    "other",
    [
        failed(ReasonCode.NO_LISTENER, Signal.REFUSED),
        failed(ReasonCode.UNREACHABLE, Signal.UNREACHABLE),
        failed(ReasonCode.IDLE_SILENT, Signal.SILENT, Verdict.UNPROVEN),
        failed(ReasonCode.BLOCKED_SILENT, Signal.SILENT, Verdict.WAIVED),
    ],
)
def test_no_firewall_is_asked_for_what_none_may_have_done(other: Outcome) -> None:
    assert next_steps(report([other])) == ()


def test_nothing_is_left_to_do_where_all_passes() -> None:
    assert next_steps(all_pass()) == ()


@pytest.mark.parametrize("code", ReasonCode)
@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.DEGRADED, Verdict.UNPROVEN])
def test_the_request_is_named_exactly_where_it_has_rules(
    code: ReasonCode, signal: Signal, verdict: Verdict
) -> None:
    one = failed(code, signal, verdict)
    made = report([one])
    found = find_openings([one], made.rules, address_book(made.flows), failed_only=True)
    assert may_be_blocked(one) is bool(found.openings)


def test_the_command_for_another_host_judges_by_the_same_phase() -> None:
    assert command(run_note(), "pve1") == "veeamcheck run -i inventory.toml --from pve1"
    planned = replace(run_note(), phase=Phase.PREDEPLOY)
    assert command(planned, "pve1").endswith(" --from pve1 --phase predeploy")
