from pathlib import Path
from typing import Any

import pytest

from veeamcheck.model import (
    Activity,
    Attribute,
    Condition,
    InputError,
    InstalledBy,
    Listener,
    Mode,
    NotCovered,
    Option,
    Population,
    Role,
    Rule,
    Transport,
)
from veeamcheck.ports import PortSet
from veeamcheck.rulesets import load_rule_set, parse_rule_set, shipped

HEAD = """\
[rule_set]
id = "small"
title = "A small document"
product_version = "1.0"
revision = "2026-01"
document = "https://example.com/ports"

[roles.worker]
title = "Worker"
transient = true
[roles.repository]
title = "Repository"
[roles.gateway]
title = "Gateway"

[options.smb1]
default = false
[options.proxy]
default = ""

[attributes.os]
default = ""
choices = ["windows", "linux"]
required_for = ["worker"]
[attributes.gateway]
roles = ["repository"]
default = []
hosts_with_role = "gateway"
[attributes.databases]
roles = ["worker"]
default = []
choices = ["mssql", "oracle"]
help = "Databases"
"""

RULE: dict[str, str] = {
    "id": '"worker-repository-data"',
    "section": '"Workers"',
    "row": "5",
    "source": '"worker"',
    "target": '"repository"',
    "transport": '"tcp"',
    "ports": "{ all = [6162] }",
    "service": '"tcp"',
    "purpose": '"data"',
    "breaks": '"jobs"',
}


def rule_text(**keys: str | None) -> str:
    rule = {key: value for key, value in (RULE | keys).items() if value is not None}
    return "[[rules]]\n" + "".join(f"{key} = {value}\n" for key, value in rule.items())


def parse_rule(**keys: str | None) -> Rule:
    (rule,) = parse_rule_set(HEAD + rule_text(**keys), "f").rules
    return rule


def mistakes(text: str) -> list[str]:
    """The messages, without file and line."""
    with pytest.raises(InputError) as error:
        parse_rule_set(text, "f")
    return [f"{problem.key}: {problem.what}" for problem in error.value.problems]


def test_everything_declared_is_read() -> None:
    not_covered = '[[not_covered]]\nwhat = "more"\nwhere = "https://example.com/more"\n'
    rule_set = parse_rule_set(HEAD + not_covered + rule_text(), "f")
    assert (rule_set.id, rule_set.title, rule_set.product_version, rule_set.revision) == (
        *("small", "A small document", "1.0", "2026-01"),
    )
    assert rule_set.document == "https://example.com/ports"
    assert rule_set.not_covered == (NotCovered("more", "https://example.com/more"),)
    assert rule_set.roles["worker"] == Role(name="worker", title="Worker", transient=True)
    assert not rule_set.roles["gateway"].transient
    assert rule_set.options == {
        "smb1": Option(name="smb1", default=False),
        "proxy": Option(name="proxy", default=""),
    }
    assert rule_set.attributes["os"] == Attribute(
        name="os", default="", choices=("windows", "linux"), required_for=("worker",)
    )
    assert rule_set.attributes["gateway"] == Attribute(
        name="gateway", default=(), roles=("repository",), hosts_with_role="gateway"
    )
    assert rule_set.attributes["databases"].help == "Databases"


def test_a_rule_is_read_with_its_defaults() -> None:
    assert parse_rule() == Rule(
        id="worker-repository-data",
        section="Workers",
        row=5,
        source="worker",
        target="repository",
        transport=Transport.TCP,
        mode=Mode.ALL,
        ports=(PortSet.parse("6162"),),
        service="tcp",
        listener=Listener.ALWAYS,
        installed_by=InstalledBy.PRODUCT,
        purpose="data",
        breaks="jobs",
    )


@pytest.mark.parametrize(
    ("ports", "mode", "values", "failover"),
    [
        ("{ all = [445, 135] }", Mode.ALL, ["445", "135"], []),
        ("{ all = 443 }", Mode.ALL, ["443"], []),
        ('{ any = [443, "80"] }', Mode.ANY, ["443", "80"], []),
        ('{ range = "2500-3300" }', Mode.RANGE, ["2500-3300"], []),
        ('{ primary = [1], failover = ["5-9", 11] }', Mode.FAILOVER, ["1"], ["5-9", "11"]),
    ],
)
def test_ports(ports: str, mode: Mode, values: list[str], failover: list[str]) -> None:
    rule = parse_rule(ports=ports)
    assert rule.mode == mode
    assert list(map(str, rule.ports)) == values
    assert list(map(str, rule.failover)) == failover


def test_special_targets() -> None:
    to_self = parse_rule(target='"self"', when='{ target = { os = "linux" } }')
    assert (to_self.target, to_self.target_self, to_self.target_gateway_of) == ("", True, None)
    to_gateway = parse_rule(target='{ gateway_of = "repository" }')
    assert (to_gateway.target, to_gateway.target_gateway_of) == ("", "repository")
    assert not to_gateway.target_self


def test_conditions() -> None:
    rule = parse_rule(
        when="""{ options = { smb1 = true, proxy = [] }, source = { os = ["windows", "linux"] },
        target = { gateway = [] }, inventory = { has = { role = "worker", databases = "mssql" },
        lacks = [{ role = "gateway" }, { role = "repository" }] } }""".replace("\n", " ")
    )
    assert rule.when == Condition(
        options={"smb1": True, "proxy": ()},
        source={"os": ("windows", "linux")},
        target={"gateway": ()},
        has=(Population(role="worker", attributes={"databases": "mssql"}),),
        lacks=(Population(role="gateway"), Population(role="repository")),
    )


FORM = (
    "write one of { all = [...] }, { any = [...] }, { range = ... } "
    "or { primary = [...], failover = [...] }"
)
PORT = 'write a port such as 6162, a run such as "2500-3300", or a list of them'


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"id": '"a@b"'}, "rules.id: 'a@b' is no name; write letters, digits, - and _"),
        ({"row": "0"}, "rules.row: is 0; write a whole number from 1"),
        ({"source": '"wroker"'}, "rules.source: 'wroker' is no known role; did you mean 'worker'?"),
        ({"source": None}, 'rules.source: is missing; write a text in quotes: "..."'),
        ({"target": '"self "'}, "rules.target: 'self ' is no known role; write one of worker, "),
        (
            {"target": '{ gateway_of = "worker" }'},
            "rules.target.gateway_of: attribute 'gateway' is for repository, not for 'worker'",
        ),
        ({"transport": None}, "rules.transport: is missing; write tcp or udp"),
        ({"transport": '"icmp"'}, "rules.transport: 'icmp' is no known value; write tcp or udp"),
        (
            {"transport": '"udp"'},
            "rules.service: 'tcp' does not answer over udp; name the service, such as ntp",
        ),
        ({"ports": None}, f"rules.ports: is missing; {FORM}"),
        ({"ports": "[443]"}, f"rules.ports: is a list; {FORM}"),
        ({"ports": "{}"}, f"rules.ports: has nothing; {FORM}"),
        ({"ports": "{ all = 1, any = 2 }"}, f"rules.ports: has all and any; {FORM}"),
        ({"ports": "{ primary = 1 }"}, f"rules.ports: has primary; {FORM}"),
        ({"ports": "{ al = 1 }"}, "rules.ports.al: 'al' is no known key; did you mean 'all'?"),
        (
            {"ports": "{ all = [70000] }"},
            f"rules.ports.all: port 70000 is not between 1 and 65535; {PORT}",
        ),
        ({"ports": "{ all = [] }"}, f"rules.ports.all: is empty; {PORT}"),
        (
            {"ports": '{ all = ["1-5", 3] }'},
            "rules.ports: has 3 more than once; write each port once",
        ),
        (
            {"ports": '{ primary = 1, failover = "1-5" }'},
            "rules.ports: has 1 more than once; write each port once",
        ),
        (
            {"ports": "{ range = 22 }"},
            'rules.ports.range: is no single run; write one such as "2500-3300"',
        ),
        (
            {"ports": '{ range = ["1-2", "4-5"] }'},
            'rules.ports.range: is no single run; write one such as "2500-3300"',
        ),
        (
            {"ports": '{ range = "1-2,4-5" }'},
            'rules.ports.range: is no single run; write one such as "2500-3300"',
        ),
        (
            {"listener": '"sesion"'},
            "rules.listener: 'sesion' is no known value; did you mean 'session'?",
        ),
        ({"installed_by": "1"}, "rules.installed_by: is the number 1; write product or site"),
        ({"when": '"smb1"'}, "rules.when: is the text 'smb1'; write { options = {...}, source ="),
        ({"when": "{ option = {} }"}, "rules.when.option: 'option' is no known key; did you mean"),
        (
            {"when": "{ options = { smb = true } }"},
            "rules.when.options.smb: 'smb' is no known key; did you mean 'smb1'?",
        ),
        (
            {"when": '{ options = { smb1 = "true" } }'},
            "rules.when.options.smb1: is the text 'true'; write true or false, without quotes",
        ),
        (
            {"when": '{ source = { os = "windoze" } }'},
            "rules.when.source.os: 'windoze' is no known value; did you mean 'windows'?",
        ),
        (
            {"when": "{ source = { os = 1 } }"},
            "rules.when.source.os: is the number 1; write a text, or a list of texts of which any",
        ),
        (
            {"when": '{ source = { role = "worker" } }'},
            "rules.when.source.role: 'role' is no known key",
        ),
        (
            {"when": '{ target = { databases = "mssql" } }'},
            "rules.when.target.databases: attribute 'databases' is for worker, not for",
        ),
        (
            {"when": '{ inventory = { has = { os = "linux" } } }'},
            'rules.when.inventory.has.role: is missing; write a text in quotes: "..."',
        ),
        (
            {"when": '{ inventory = { lacks = { role = "x" } } }'},
            "rules.when.inventory.lacks.role: 'x' is no known role",
        ),
        ({"purpose": '""'}, "rules.purpose: is empty; write a text"),
        ({"breaks": None}, 'rules.breaks: is missing; write a text in quotes: "..."'),
        ({"alow_list": "[]"}, "rules.alow_list: 'alow_list' is no known key; did you mean 'allow_"),
    ],
)
def test_mistakes_in_a_rule(keys: dict[str, Any], message: str) -> None:
    (mistake,) = mistakes(HEAD + rule_text(**keys))
    assert mistake.startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[rule]", "rule: 'rule' is no known key; did you mean 'rules'?"),
        ("[roles.self]\ntitle = 'x'", "roles.self: 'self' is the target that is the source itself"),
        (
            "[roles.'a b']\ntitle = 'x'",
            "roles.\"a b\": 'a b' is no name; write letters, digits, - and _",
        ),
        ("[options.x]", 'options.x.default: is missing; write true, false or a text, "" for none'),
        (
            "[options.x]\ndefault = 1",
            "options.x.default: is the number 1; write true, false or a text",
        ),
        ("[attributes.address]", "attributes.address: 'address' is a key of every host; take"),
        (
            "[attributes.x]\ndefault = 1",
            'attributes.x.default: is the number 1; write true, false, a text ("" for none) or a',
        ),
        (
            "[attributes.x]\nroles = ['wroker']",
            "attributes.x.roles: 'wroker' is no known role; did you mean 'worker'?",
        ),
        (
            "[attributes.x]\nroles = ['worker']\nrequired_for = ['gateway']",
            "attributes.x.required_for: 'gateway' is not in roles; add it there",
        ),
        (
            "[attributes.x]\ndefault = 'c'\nchoices = ['a', 'b']",
            "attributes.x.default: 'c' is no known value; write a or b",
        ),
        (
            "[attributes.x]\ndefault = false\nchoices = ['a', 'b']",
            "attributes.x.default: is true or false, which leaves no other values; write a text",
        ),
        ("[[not_covered]]\nwhat = 'x'", 'not_covered.where: is missing; write a text in quotes: "'),
        (rule_text(), "rules.id: 'worker-repository-data' is the id of an earlier rule; take"),
    ],
)
def test_mistakes_around_the_rules(text: str, message: str) -> None:
    (mistake,) = mistakes(HEAD + rule_text() + text)
    assert mistake.startswith(message)


def test_all_mistakes_come_at_once_with_their_lines() -> None:
    text = HEAD.replace('"1.0"', "1.0") + rule_text(source='"wroker"', row="0")
    with pytest.raises(InputError) as error:
        parse_rule_set(text, "f")
    assert [(problem.line, problem.key) for problem in error.value.problems] == [
        (4, "rule_set.product_version"),
        (text[: text.index("row = 0")].count("\n") + 1, "rules.row"),
        (text[: text.index("source = ")].count("\n") + 1, "rules.source"),
    ]


ACTIVITIES = """
[[activities]]
id = "backup"
title = "Image backup"
of = { repository = "to" }
[[activities]]
id = "time"
title = "Time"
"""


def test_activities_are_read_in_their_order_and_named_by_rules() -> None:
    rule_set = parse_rule_set(HEAD + ACTIVITIES + rule_text(affects='["backup"]'), "f")
    assert rule_set.activities == {
        "backup": Activity(id="backup", title="Image backup", of={"repository": "to"}),
        "time": Activity(id="time", title="Time"),
    }
    assert list(rule_set.activities) == ["backup", "time"]
    assert rule_set.rules[0].affects == ("backup",)


@pytest.mark.parametrize(
    ("more", "affects", "message"),
    [
        ("", '["bakcup"]', "rules.affects: 'bakcup' is no known activity; did you mean 'backup'?"),
        (
            "",
            '["time"]',
            "rules.affects: activity 'time' has no words for repository or worker; add one of",
        ),
        ("", '"backup"', "rules.affects: "),
        (
            "[[activities]]\nid = 'backup'\ntitle = 'x'\n",
            "[]",
            "activities.id: 'backup' is the id of an earlier activity; take another",
        ),
        (
            "[[activities]]\nid = 'x'\ntitle = 'x'\nof = { wroker = 'by' }\n",
            "[]",
            "activities.of.wroker: 'wroker' is no known role; did you mean 'worker'?",
        ),
        ("[[activities]]\nid = 'x'\n", "[]", "activities.title: is missing"),
    ],
)
def test_mistakes_in_activities(more: str, affects: str, message: str) -> None:
    (mistake,) = mistakes(HEAD + ACTIVITIES + more + rule_text(affects=affects))
    assert mistake.startswith(message)


def test_an_empty_file_misses_everything() -> None:
    assert [mistake.partition(":")[0] for mistake in mistakes("")] == [
        *("rule_set.document", "rule_set.id", "rule_set.product_version", "rule_set.revision"),
        *("rule_set.title", "rules"),
    ]


def test_a_gateway_target_needs_the_attribute() -> None:
    text = HEAD.replace("attributes.gateway", "attributes.front")
    (mistake,) = mistakes(text + rule_text(target='{ gateway_of = "repository" }'))
    assert mistake == (
        "rules.target: needs a host attribute with hosts_with_role; declare [attributes.gateway]"
    )


def test_each_shipped_rule_set_is_found_by_its_id() -> None:
    assert "veeam-pve" in shipped()
    for rule_set_id in shipped():
        assert load_rule_set(rule_set_id).id == rule_set_id


def test_a_rule_set_of_the_users_own_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(HEAD + rule_text(), encoding="utf-8")
    assert load_rule_set(file) == load_rule_set(str(file))
    assert load_rule_set(file).id == "small"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("veeam-pv", "veeam-pv:1: 'veeam-pv' is no known rule set; did you mean 'veeam-pve'?"),
        ("none/mine.toml", "does not exist; name a file with a rule set"),
    ],
)
def test_what_is_no_rule_set(name: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        load_rule_set(name)
    assert str(error.value).endswith(message)
