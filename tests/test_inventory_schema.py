"""The schema beside the parser: both take what is right, neither takes typical mistakes."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from veeamcheck.inventory import parse_inventory
from veeamcheck.inventory_schema import inventory_schema
from veeamcheck.model import InputError
from veeamcheck.rulesets import HOST_KEYS, load_rule_set

ROOT = Path(__file__).parents[1]
SCHEMA = inventory_schema([load_rule_set("veeam-pve")])
HOST = '[hosts.a]\naddress = "10.0.0.1"\n'


def as_json(value: Any) -> Any:
    """As editors see TOML: a date is a string."""
    match value:
        case dict():
            return {key: as_json(item) for key, item in value.items()}
        case list():
            return [as_json(item) for item in value]
        case date():
            return value.isoformat()
    return value


def schema_takes(text: str) -> bool:
    return bool(Draft202012Validator(SCHEMA).is_valid(as_json(tomllib.loads(text))))


def parser_takes(text: str) -> bool:
    try:
        parse_inventory(text, "f")
    except InputError:
        return False
    return True


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_it_describes_every_key_of_a_host() -> None:
    described = SCHEMA["properties"]["hosts"]["additionalProperties"]["properties"]
    assert set(described) == {*HOST_KEYS, *load_rule_set("veeam-pve").attributes}
    assert all(keyword.get("description") for keyword in described.values())


@pytest.mark.parametrize(
    "text",
    [
        (ROOT / "inventory.example.toml").read_text(encoding="utf-8"),
        HOST,
        HOST + "roles = []",
        HOST.replace(
            '"10.0.0.1"', '["fd00::1", "fe80::1%eth0", "::ffff:10.0.0.1", "a_b.example."]'
        ),
        HOST + 'roles = ["vm-guest"]\nos = "linux"\ndatabases = "oracle"',
        HOST + 'roles = ["vm-guest"]\nos = "linux"\ndatabases = ["oracle", "mssql"]',
        HOST + 'ports = { "6162" = 7000, "2500-3300" = ["1-2", 9, 9], "22" = " 1 - 2 , 7" }',
        HOST + "ssh = true",
        HOST + 'ssh = { user = "u", port = 22, host = "h", key = "k", jump = "j" }',
        HOST + 'tls = { issuer = "Our CA" }',
        HOST + f'tls = {{ issuer = ["A", "B"], fingerprint = "SHA256:{"0A:" * 31}0a" }}',
        HOST + f'tls = {{ fingerprint = ["sha256:{"ab" * 32}", "sha256:{"cd" * 32}"] }}',
        '[hosts."a.b"]\naddress = "a.b"',
        HOST + '[[exclude]]\nsource = "*"\ntarget = "role:worker"\nreason = "x"',
        HOST + '[[waive]]\nflow = "worker-pve-ssh@a>a"\nreason = "x"\nuntil = 2099-01-01',
        HOST + "[options]\nsmb1 = true\nupdate_proxy = ''",
        HOST + "[audit]\nrule_sets = ['veeam-pve']\nphase = 'predeploy'",
    ],
)
def test_right_inventories(text: str) -> None:
    assert parser_takes(text)
    assert schema_takes(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[hosts]",
        "[hosts.a]",
        "[host.a]\naddress = 'a'",
        HOST + "rolls = []",
        HOST + 'roles = "worker"',
        HOST + 'roles = ["wroker"]',
        HOST + 'roles = ["worker", "worker"]',
        HOST + 'roles = ["vm-guest"]',
        HOST + 'roles = ["guest-interaction-proxy"]',
        HOST + 'roles = ["worker"]\ndatabases = "mssql"',
        HOST + 'databases = "mssql"',
        HOST + 'roles = ["vm-guest"]\nos = "linux"\ndatabases = "mysql"',
        HOST + 'os = "Windows"',
        HOST + 'deployment_kit = "yes"',
        HOST + 'stand_in = ""',
        HOST + 'ports = { "77" = 1 }',
        HOST + 'ports = { "22" = 70000 }',
        HOST + 'ports = { "22" = true }',
        HOST + 'ports = { "22" = [] }',
        HOST + "ssh = { usr = 'x' }",
        HOST + "ssh = { port = 0 }",
        HOST + "tls = true",
        HOST + "tls = {}",
        HOST + "tls = { issuer = '' }",
        HOST + "tls = { isuer = 'x' }",
        HOST + "tls = { fingerprint = 'sha256:12' }",
        HOST + f"tls = {{ fingerprint = '{'ab' * 32}' }}",
        HOST.replace("10.0.0.1", "10.0.0.0/24"),
        HOST.replace("10.0.0.1", "10.0.0.1:6162"),
        HOST.replace("10.0.0.1", "https://a"),
        HOST.replace("10.0.0.1", "a b"),
        HOST.replace("10.0.0.1", ""),
        HOST.replace('"10.0.0.1"', "[]"),
        HOST.replace('"10.0.0.1"', "5"),
        '[hosts."a b"]\naddress = "a"',
        HOST + '[[exclude]]\nsource = "*"\ntarget = "a"',
        HOST + '[[exclude]]\nsource = "role:x"\ntarget = "a"\nreason = "x"',
        HOST + '[[waive]]\nflow = "x"\nreason = "x"',
        HOST + '[[waive]]\nflow = "worker-pve-ssh@a>a"\nreason = " "',
        HOST + "[options]\nsmb1 = 'no'",
        HOST + "[options]\nsmb2 = true",
        HOST + "[audit]\nphase = 'alive'",
        HOST + "[audit]\nrule_sets = ['x']",
    ],
)
def test_typical_mistakes(text: str) -> None:
    assert not parser_takes(text)
    assert not schema_takes(text)
