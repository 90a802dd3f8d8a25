import pytest

from veeamcheck.rulesets import load_rule_set
from veeamcheck.vocabulary import Vocabulary

PVE = Vocabulary.of([load_rule_set("veeam-pve")])


def test_one_rule_set_agrees_with_itself() -> None:
    assert PVE.conflicts == ()
    assert PVE.used_roles >= PVE.roles.keys()


@pytest.mark.parametrize(
    ("ports", "role", "documented"),
    [
        ("6162", "repository", True),
        ("2500-3300", "repository", True),
        ("6162", "gateway", True),
        ("6172", "backup-server", True),
        ("6172", "worker", False),
        ("6162", "worker", False),
        ("11731", "vm-guest", True),
    ],
)
def test_a_port_is_documented_at_the_hosts_that_it_is_opened_on(
    ports: str, role: str, documented: bool
) -> None:
    assert (role in PVE.documented_ports[ports]) is documented


@pytest.mark.parametrize(
    ("roles", "has", "lacks"),
    [
        ([], {"os", "deployment_kit"}, {"gateway", "databases"}),
        (["repository"], {"os", "gateway"}, {"databases"}),
        (["repository", "vm-guest"], {"os", "gateway", "databases"}, {"legacy_vcenter"}),
    ],
)
def test_attributes_of_all_the_roles_of_a_host(
    roles: list[str], has: set[str], lacks: set[str]
) -> None:
    attributes = PVE.attributes_for(roles).keys()
    assert has <= attributes
    assert not lacks & attributes
