import io
import json
import tomllib
import zipfile
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.published import assert_published
from tests.samples import SAMPLES, everything, flow, plan_of, report, run_note, seen
from veeamcheck import reports
from veeamcheck.bundle.archive import Bundle, Sources, archive, contents, make_bundle
from veeamcheck.diff import compare, snapshot
from veeamcheck.inventory import parse_inventory
from veeamcheck.model import Outcome, ReasonCode, Report, Signal, Skipped, Verdict, Waived
from veeamcheck.reports.json import read_report
from veeamcheck.rulesets import load_rule_set

INVENTORY = """
# Alice keeps the key in /root/alice.key
[audit]
rule_sets = ["veeam-pve"]
[options]
update_proxy = "http://alice:hunter2@proxy.corp.test:3128"
[hosts.zqvbr]
address = "10.7.1.5"
roles = ["backup-server"]
[hosts.worker]
address = ["10.7.1.9", "zqworker.corp.test"]
roles = ["worker"]
stand_in = "zqvbr"
[hosts.zqrepo]
address = "10.7.2.7"
roles = ["repository"]
gateway = "zqgate"
ports = { "2500-3300" = "2500-2509" }
[hosts.zqgate]
address = "zqgate.corp.test"
roles = ["gateway"]
ssh = { user = "alice", key = "/home/alice/.ssh/id_ed25519", host = "jump.corp.test" }
[[exclude]]
source = "role:worker"
target = "zqrepo"
reason = "Alice says other site"
[[waive]]
flow = "worker-gateway-data@worker>zqgate"
reason = "Bob knows"
until = 2099-01-31
"""
PUBLIC = frozenset(
    {"veeam-pve", "backup-server", "worker", "repository", "gateway", "worker-gateway-data"}
)
ANSWER = {"name": "zqgate.corp.test", "addresses": ["10.7.9.9"]}
SECRETS = ("hunter2", "id_ed25519", "jump.corp", "alice.key", "3128")


def site_report() -> Report:
    flows = [
        flow(
            "worker-gateway-data", "worker", "zqgate", "6162", Verdict.WAIVED,
            ReasonCode.BLOCKED_REJECTED,
            [seen("6162", Signal.REJECTED, address="10.7.9.9", by="10.7.1.1", local="10.7.1.5",
                  name="zqgate.corp.test", meaning="prohibited")],
            address=("zqgate.corp.test",), runs_from="zqvbr",
            waived=Waived(verdict=Verdict.FAIL, reason="Bob knows", until=date(2099, 1, 31)),
            reason="zqgate.corp.test = 10.7.9.9: 6162 rejected by 10.7.1.1",
        ),
        flow(
            "backup-server-worker-updater", "zqvbr", "worker", "443", Verdict.FAIL,
            ReasonCode.WRONG_SERVICE,
            [seen("443", Signal.INVALID, address="fd00:7::9", local="FD00:7:0:0::5",
                  meaning="signed by CN=Corp Root, O=Corp Inc",
                  detail={"issuer": "CN=Corp Root, O=Corp Inc", "days": 3, "protocol": "TLSv1.3"})],
            address=("fd00:7::9",), service="https",
        ),
    ]  # fmt: skip
    return report(
        flows,
        run=run_note(
            inventory="/home/alice/corp.toml",
            vantages=("zqvbr",),
            options={"update_proxy": "http://alice:hunter2@proxy.corp.test:3128"},
        ),
        warnings=("/home/alice/corp.toml:3: zqvbr (fd00:0007::0009) is odd",),
        skipped=(
            Skipped(
                rule="worker-update-repository-packages", source=None, target=None,
                reason="option update_proxy is http://alice:hunter2@proxy.corp.test:3128",
            ),
        ),
    )  # fmt: skip


def sources(made: Report | None = None, **more: Any) -> Sources:
    values: dict[str, Any] = {
        "report": made or site_report(),
        "inventory": tomllib.loads(INVENTORY),
        "plan": plan_of(made or site_report()),
        "machine": {"resolver": {"answers": [ANSWER]}},
        "names": ("zqmachine.corp.test", "alice"),
        "public": PUBLIC,
        **more,
    }  # fmt: skip
    return Sources(**values)


def packed(bundle: Bundle) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(archive(bundle.files))) as file:
        return {name: file.read(name).decode() for name in file.namelist()}


@pytest.mark.parametrize("redact", [True, False])
def test_no_secret_is_ever_inside(redact: bool) -> None:
    text = "".join(packed(make_bundle(sources(), redact=redact)).values())
    for secret in (*SECRETS, "Alice keeps"):
        assert secret not in text


def test_nothing_that_tells_who_it_is_from_is_inside() -> None:
    files = packed(make_bundle(sources(), redact=True))
    for name, text in files.items():
        for original in ("zq", "corp", "alice", "bob", "10.7.", "fd00"):
            assert original not in text.lower(), name


def test_what_stays_is_what_helps() -> None:
    files = packed(make_bundle(sources(), redact=True))
    first, second = json.loads(files["report.json"])["flows"]
    assert first["id"] == f"worker-gateway-data@{first['source']}>{first['target']}"
    assert first["evidence"][0]["detail"]["meaning"] == "prohibited"
    detail = second["evidence"][0]["detail"]
    assert (detail["days"], detail["protocol"]) == (3, "TLSv1.3")
    assert detail["meaning"] == f"signed by {detail['issuer']}"
    assert first["reason"].endswith(f"6162 rejected by {first['evidence'][0]['by']}")


def test_the_same_is_the_same_in_all_files() -> None:
    bundle = make_bundle(sources(), redact=True)
    files = packed(bundle)
    by_original = {original: replacement for replacement, original in bundle.mapping.items()}
    name = by_original["zqgate.corp.test"]
    assert json.loads(files["resolver.json"])["answers"][0]["name"] == name
    hosts = tomllib.loads(files["inventory.toml"])["hosts"]
    assert hosts[by_original["zqgate"]]["address"] == name
    assert json.loads(files["plan.json"])["flows"][0]["address"] == [name]
    assert by_original["10.7.9.9"] in files["report.txt"]


def test_the_redacted_inventory_is_still_one() -> None:
    files = packed(make_bundle(sources(public=_words()), redact=True))
    made = parse_inventory(files["inventory.toml"], "inventory.toml")
    assert [host.roles for host in made.hosts.values()] == [
        ("backup-server",), ("worker",), ("repository",), ("gateway",)
    ]  # fmt: skip
    assert made.exclude[0].source == "role:worker"
    assert made.waive[0].flow.startswith("worker-gateway-data@")


def _words() -> frozenset[str]:
    rule_set = load_rule_set("veeam-pve")
    return frozenset({rule_set.id, *rule_set.roles, *(rule.id for rule in rule_set.rules)})


@pytest.mark.parametrize("redact", [True, False])
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_report_is_still_one(sample: str, redact: bool) -> None:
    made = SAMPLES[sample]()
    files = packed(make_bundle(sources(made, inventory=None, plan=None), redact=redact))
    assert_published(json.loads(files["report.json"]))
    again = read_report(files["report.json"])
    assert again.summary == made.summary
    assert [each.verdict for each in again.flows] == [each.verdict for each in made.flows]
    for name in reports.formats():
        assert reports.render(name, again)
    assert compare(snapshot(again, "one"), snapshot(again, "other")) == ()


def test_without_redaction_the_report_is_the_same() -> None:
    made = everything()
    files = packed(make_bundle(sources(made, inventory=None), redact=False))
    again = read_report(files["report.json"])
    assert again.flows == made.flows
    assert make_bundle(sources(made), redact=False).mapping == {}


def test_the_manifest_lists_what_is_inside_and_says_what_is_not() -> None:
    files = make_bundle(sources(inventory=None, plan=None), redact=True).files
    assert next(iter(files)) == "MANIFEST.txt"
    for name, size, about in contents(files):
        if name != "MANIFEST.txt":
            line = next(line for line in files["MANIFEST.txt"].splitlines() if f" {name} " in line)
            assert f"{size:,} bytes" in line
            assert line.endswith(about)
    assert "no inventory was at hand: plan.json, inventory.toml" in files["MANIFEST.txt"]
    assert "NOT redacted" in make_bundle(sources(), redact=False).files["MANIFEST.txt"]


def test_the_same_content_is_the_same_archive() -> None:
    one, other = (archive(make_bundle(sources(), redact=True).files) for _ in range(2))
    assert one == other


# --- no original anywhere --------------------------------------------------------------------

NAMES = st.from_regex(r"zq[a-z]{4,8}", fullmatch=True)
ADDRESSES = st.ip_addresses().filter(
    lambda address: not (
        address.is_loopback or address.is_multicast or address.is_unspecified
        or (address.version == 4 and not 0x01000000 < int(address) < 0xE0000000)
    )
)  # fmt: skip


def spellings(address: Any) -> set[str]:
    return {str(address), address.exploded, address.exploded.upper(), address.reverse_pointer}


@st.composite
def sites(draw: st.DrawFn) -> tuple[Report, list[str], list[Any]]:
    names = draw(st.lists(NAMES, min_size=3, max_size=3, unique=True))
    addresses = draw(st.lists(ADDRESSES, min_size=3, max_size=3, unique=True))

    def spelled(number: int) -> str:
        name = draw(st.sampled_from([names[number], names[number].upper(), f"{names[number]}.lan"]))
        forms = sorted(spellings(addresses[number]))
        return f"{name} ({draw(st.sampled_from(forms))})"

    def made(source: int, target: int) -> Outcome:
        row = seen(
            "22", Signal.REJECTED, address=str(addresses[target]), by=str(addresses[2]),
            local=str(addresses[source]), name=f"{names[target]}.lan", meaning=spelled(target),
            detail={"seen": spelled(source)},
        )  # fmt: skip
        return flow(
            "worker-gateway-data", names[source], names[target], "22", Verdict.FAIL,
            ReasonCode.BLOCKED_REJECTED, [row], address=(f"{names[target]}.lan",),
            reason=f"{spelled(source)} to {spelled(target)}: rejected",
        )  # fmt: skip

    flows = [made(0, 1), made(1, 0), made(2, 1)]
    texts = (f"see {flows[0].id}: {spelled(2)}", f"{spelled(0)}, or {spelled(1)}.")
    run = run_note(inventory=f"/srv/{names[0]}/site.toml", vantages=(names[0],))
    return report(flows, run=run, warnings=texts), names, addresses


@settings(max_examples=40, deadline=None)
@given(sites())
def test_no_original_is_in_any_byte_of_the_archive(
    site: tuple[Report, list[str], list[Any]],
) -> None:
    made, names, addresses = site
    inventory: Mapping[str, Any] = {
        "hosts": {
            name: {"address": str(address), "roles": ["worker"]}
            for name, address in zip(names, addresses, strict=True)
        }
    }
    bundle = make_bundle(sources(made, inventory=inventory, plan=plan_of(made)), redact=True)
    for name, text in packed(bundle).items():
        for original in names:
            assert original not in text.lower(), name
        tokens = set(text.lower().translate(_TO_SPACES).split())
        for address in addresses:
            assert not {each.lower() for each in spellings(address)} & tokens, name
    again = read_report(bundle.files["report.json"])
    assert [each.rule for each in again.flows] == ["worker-gateway-data"] * 3
    assert all(each.id == f"{each.rule}@{each.source}>{each.target}" for each in again.flows)
    replacements = {original: new for new, original in bundle.mapping.items()}
    for before, after in zip(made.flows, again.flows, strict=True):
        assert after.source == replacements[before.source]
        assert after.evidence[0].address == replacements[before.evidence[0].address]
        assert after.evidence[0].ports == before.evidence[0].ports


_TO_SPACES = str.maketrans(dict.fromkeys("\"'(),;=@>/[]", " "))
