from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from veeamcheck.expand import expand
from veeamcheck.inventory import load_inventory, parse_inventory
from veeamcheck.model import Exclude, InputError, Inventory, Phase, RuleSet, SshAccess, Waiver
from veeamcheck.ports import PortSet
from veeamcheck.rulesets import parse_rule_set

ROOT = Path(__file__).parents[1]
BROKEN = Path(__file__).parent / "broken"

HOST = '[hosts.a]\naddress = "10.0.0.1"\nroles = ["worker"]\n'
GUEST = '[hosts.a]\naddress = "10.0.0.1"\nroles = ["vm-guest"]\nos = "linux"\n'


def parse(text: str, *rule_sets: RuleSet, today: date | None = None) -> Inventory:
    return parse_inventory(text, "f", rule_sets, today=today)


def small_rule_set(rule_set_id: str, words: str = "", rule_id: str = "a-b") -> RuleSet:
    return parse_rule_set(
        f"""
        [rule_set]
        id = "{rule_set_id}"
        title = "t"
        product_version = "1"
        revision = "1"
        document = "https://example.com"
        [roles]
        agent = {{ title = "Agent" }}
        unused = {{ title = "Unused" }}
        {words}
        [[rules]]
        id = "{rule_id}"
        section = "s"
        row = 1
        source = "agent"
        target = "agent"
        transport = "tcp"
        ports = {{ all = [7777] }}
        service = "tcp"
        purpose = "p"
        breaks = "b"
        """,
        "mine.toml",
    )


AGENT = '[hosts.a]\naddress = "10.0.0.1"\nroles = ["agent"]\n'


# --- right inventories -----------------------------------------------------------------------


def test_the_example_is_without_any_fault() -> None:
    inventory = load_inventory(ROOT / "inventory.example.toml")
    assert inventory.warnings == ()
    assert expand(inventory).warnings == ()
    assert len(inventory.waive) == 1


def test_defaults() -> None:
    inventory = parse(HOST)
    assert inventory.phase is Phase.LIVE
    assert inventory.record is False
    assert [rule_set.id for rule_set in inventory.rule_sets] == ["veeam-pve"]
    assert inventory.options == {
        "ransomware_index": True,
        "online_updates": True,
        "update_proxy": "",
        "smb1": False,
        "agent_installation": False,
    }
    host = inventory.hosts["a"]
    assert (host.address, host.roles) == (("10.0.0.1",), ("worker",))
    assert host.attributes == {"os": "", "deployment_kit": False}
    assert (host.stand_in, host.ports, host.ssh) == (None, {}, None)
    assert inventory.exclude == inventory.waive == inventory.warnings == ()


def test_attributes_are_as_written_with_defaults_for_the_rest() -> None:
    host = parse(GUEST + 'databases = "oracle"\nnetworkless = true\n').hosts["a"]
    assert host.attributes == {
        "os": "linux",
        "deployment_kit": False,
        "databases": ("oracle",),
        "runtime": "non-persistent",
        "networkless": True,
        "control_channel": "ssh",
    }


def test_options_and_phase() -> None:
    audit = '[audit]\nphase = "predeploy"\nrecord = true\n'
    text = audit + '[options]\nsmb1 = true\nupdate_proxy = "p:1"\n'
    inventory = parse(text + HOST)
    assert inventory.phase is Phase.PREDEPLOY
    assert inventory.record is True
    assert inventory.options["smb1"] is True
    assert inventory.options["update_proxy"] == "p:1"


@pytest.mark.parametrize(
    ("value", "access"),
    [
        ("true", SshAccess()),
        ("false", None),
        ("{}", SshAccess()),
        ('{ user = "root", port = 2222 }', SshAccess(user="root", port=2222)),
        (
            '{ host = "h", key = "~/.ssh/k", jump = "j" }',
            SshAccess(host="h", key="~/.ssh/k", jump="j"),
        ),
    ],
)
def test_ssh(value: str, access: SshAccess | None) -> None:
    assert parse(HOST + f"ssh = {value}").hosts["a"].ssh == access


@pytest.mark.parametrize(
    ("value", "ports"),
    [
        ("6163", "6163"),
        ('"2500-2509"', "2500-2509"),
        ('[6163, "2500-2509"]', "2500-2509,6163"),
        ('" 22 , 80-81"', "22,80-81"),
    ],
)
def test_ports_of_a_site(value: str, ports: str) -> None:
    text = HOST.replace("worker", "repository") + f'ports = {{ "6162" = {value} }}'
    assert parse(text).hosts["a"].ports == {"6162": PortSet.parse(ports)}


def test_exclude_and_waive() -> None:
    inventory = parse(
        HOST
        + '[[exclude]]\nsource = "a"\ntarget = "role:proxmox-ve"\nreason = "r"\n'
        + '[[exclude]]\nsource = "*"\ntarget = "*"\nreason = "r"\n'
        + '[[waive]]\nflow = "worker-pve-ssh@a>a"\nreason = "r"\nuntil = 2027-01-31\n'
        + '[[waive]]\nflow = "worker-pve-api@a>a"\nreason = "r"\n',
        today=date(2027, 1, 31),
    )
    assert inventory.exclude == (Exclude("a", "role:proxmox-ve", "r"), Exclude("*", "*", "r"))
    assert inventory.waive == (
        Waiver("worker-pve-ssh@a>a", "r", date(2027, 1, 31)),
        Waiver("worker-pve-api@a>a", "r", None),
    )


def test_a_quoted_name_may_have_dots() -> None:
    assert list(parse(HOST.replace("hosts.a", 'hosts."a.example.com"')).hosts) == ["a.example.com"]


# --- rule sets of the user's own -------------------------------------------------------------


def test_own_rule_sets_are_used_beside_the_named_ones() -> None:
    own = small_rule_set("mine")
    inventory = parse(AGENT, own)
    assert [rule_set.id for rule_set in inventory.rule_sets] == ["veeam-pve", "mine"]


def test_own_rule_sets_can_be_named() -> None:
    own = small_rule_set("mine")
    inventory = parse('[audit]\nrule_sets = ["mine"]\n' + AGENT, own)
    assert inventory.rule_sets == (own,)


def test_an_own_rule_set_replaces_the_shipped_one_of_its_id() -> None:
    own = small_rule_set("veeam-pve")
    assert parse(AGENT, own).rule_sets == (own,)


def test_without_any_rule_set_there_is_nothing_to_audit() -> None:
    with pytest.raises(InputError, match=r"f:2: audit.rule_sets: is empty; write veeam-pve"):
        parse("[audit]\nrule_sets = []\n" + HOST)


def test_words_of_two_rule_sets_join() -> None:
    for_agents = '[attributes.os]\ndefault = ""\nchoices = ["linux", "windows"]\n'
    own = small_rule_set("mine", for_agents + 'required_for = ["agent"]')
    with pytest.raises(InputError, match=r"hosts.a.os: is missing, which every agent needs"):
        parse(AGENT, own)
    assert parse(AGENT + 'os = "linux"', own).hosts["a"].attributes["os"] == "linux"


@pytest.mark.parametrize(
    ("words", "rule_id", "message"),
    [
        ("[options.smb1]\ndefault = true", "a-b", "option 'smb1' has different defaults"),
        ("[attributes.os]\ndefault = []", "a-b", "attribute 'os' is declared in different ways"),
        ("", "worker-pve-ssh", "rule 'worker-pve-ssh' is in more than one"),
    ],
)
def test_rule_sets_that_contradict_each_other(words: str, rule_id: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        parse(AGENT, small_rule_set("mine", words, rule_id))
    (problem,) = error.value.problems
    assert problem.what == f"{message}; use one of these rule sets at a time"


# --- what is odd but workable ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            HOST + '[[waive]]\nflow = "worker-pve-ssh@a>a"\nreason = "r"\nuntil = 2027-01-30\n',
            "f:7: waive.until: is over, so this waiver no longer counts; renew or remove it",
        ),
        (
            HOST + '[hosts.b]\naddress = "b"\n',
            "f:4: hosts.b.roles: has no role, so no rule is about it; write roles = [...]",
        ),
        (
            HOST + '[hosts.b]\naddress = "b"\nroles = []\n',
            "f:6: hosts.b.roles: has no role, so no rule is about it; write roles = [...]",
        ),
        (
            HOST.replace("worker", "proxmox-ve").replace('"10.0.0.1"', '["10.0.0.1", "fd00::1"]'),
            "f:2: hosts.a.address: the product does not support IPv6 for Proxmox VE; give it IPv4",
        ),
        (
            HOST + 'ports = { "6162" = 6163 }',
            "f:4: hosts.a.ports.6162: no rule has this value at a host of these roles; "
            "it changes nothing",
        ),
        (
            AGENT,
            "f:1: audit.rule_sets: no host has a role of 'veeam-pve'; add its hosts, "
            "or leave it out",
        ),
        (
            HOST + '[hosts.b]\naddress = "b"\nroles = ["unused"]\n',
            "f:6: hosts.b.roles: no rule uses the role 'unused'; leave it out",
        ),
    ],
)
def test_warnings_do_not_stop_the_audit(text: str, warning: str) -> None:
    rule_sets = [small_rule_set("mine")] if "agent" in text or "unused" in text else []
    inventory = parse(text, *rule_sets, today=date(2027, 1, 31))
    assert inventory.warnings == (warning,)
    assert inventory.waive == ()


def test_warnings_come_in_the_order_of_the_file() -> None:
    text = "".join(f'[hosts.{name}]\naddress = "{name}"\n' for name in "cab")
    text += HOST.replace("hosts.a", "hosts.d")
    assert [warning.split(":")[1] for warning in parse(text).warnings] == ["1", "3", "5"]


# --- broken inventories ----------------------------------------------------------------------


@pytest.mark.parametrize("file", sorted(BROKEN.glob("*.toml")), ids=lambda file: file.stem)
def test_broken(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file in tests/broken has its messages, all of them and word for word, beside it."""
    monkeypatch.chdir(BROKEN)
    with pytest.raises(InputError) as error:
        load_inventory(file.name)
    assert str(error.value) + "\n" == file.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (".", ".:1: is a directory; name the file itself"),
        (
            "none.toml",
            "none.toml:1: does not exist; `veeamcheck init` writes a first one; -i names another",
        ),
    ],
)
def test_what_is_no_file(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        load_inventory(name)
    assert str(error.value) == message


EXAMPLE = (ROOT / "inventory.example.toml").read_text(encoding="utf-8")
VALUES = ["1", "-1", "true", '""', '"x"', "[]", "[1]", '["x"]', "{}", "{ x = 1 }", "2027-01-31"]


@given(st.data())
def test_any_value_in_any_place_is_taken_or_refused_in_words(data: st.DataObject) -> None:
    lines = EXAMPLE.splitlines()
    at = data.draw(st.sampled_from([i for i, line in enumerate(lines) if " = " in line]))
    key = lines[at].partition(" = ")[0]
    lines[at] = f"{key} = {data.draw(st.sampled_from(VALUES))}"
    try:
        parse("\n".join(lines))
    except InputError as error:
        assert all(problem.what for problem in error.problems)


@given(st.lists(st.sampled_from(EXAMPLE.splitlines(keepends=True)), max_size=30).map("".join))
@example("hosts.a.b.c = 1")
@example("hosts = []")
@example("[[hosts]]")
@example("[hosts.'']\naddress = 'a'")
def test_lines_in_any_order_are_taken_or_refused_in_words(text: str) -> None:
    try:
        inventory = parse(text)
    except InputError as error:
        lines = text.count("\n") + 1
        assert all(1 <= problem.line <= lines for problem in error.problems)
    else:
        assert inventory.hosts


def test_a_hundred_thousand_hosts() -> None:
    text = "".join(
        f'[hosts.w{i}]\naddress = "10.{i >> 16}.{i >> 8 & 255}.{i & 255}"\nroles = ["worker"]\n'
        for i in range(1, 100_001)
    )
    inventory = parse(text + '[hosts.last]\naddress = "last"\n')
    assert len(inventory.hosts) == 100_001
    assert inventory.warnings[0].startswith("f:300001: hosts.last.roles: has no role")
