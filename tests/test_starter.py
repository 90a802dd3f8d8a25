"""The starting inventory."""

from hypothesis import given
from hypothesis import strategies as st

from veeamcheck.expand import expand
from veeamcheck.inventory import parse_inventory
from veeamcheck.rulesets import load_rule_set
from veeamcheck.starter import NAMES, starting_inventory

RULE_SET = load_rule_set("veeam-pve")

addresses = st.dictionaries(
    st.sampled_from(list(NAMES)),
    st.lists(
        st.one_of(
            st.ip_addresses(v=4, network="10.0.0.0/8").map(str),
            st.from_regex(r"[a-z]{2,8}\.example\.com", fullmatch=True),
        ),
        min_size=1,
        max_size=4,
    ),
    min_size=1,
)


@given(addresses=addresses, online_updates=st.booleans())
def test_it_is_valid_and_holds_every_address_in_its_roles(
    addresses: dict[str, list[str]], online_updates: bool
) -> None:
    text = starting_inventory(addresses, RULE_SET, online_updates=online_updates)
    inventory = parse_inventory(text, "inventory.toml")
    roles_of = {host.address[0]: set(host.roles) for host in inventory.hosts.values()}
    for role, of_role in addresses.items():
        for address in of_role:
            assert role in roles_of[address]
    updates = roles_of.pop("repository.veeam.com", None)
    assert (updates is not None) == (online_updates and "worker" in addresses)
    assert set(roles_of) == {address for of_role in addresses.values() for address in of_role}
    assert expand(inventory).warnings == inventory.warnings == ()


@given(address=st.text())
def test_whatever_is_typed_stays_one_toml_string(address: str) -> None:
    import tomllib

    text = starting_inventory({"proxmox-ve": [address]}, RULE_SET)
    assert tomllib.loads(text)["hosts"]["pve1"]["address"] == address


def test_options_and_further_roles_are_named() -> None:
    text = starting_inventory({"backup-server": ["10.0.10.5"]}, RULE_SET)
    for name in (*RULE_SET.options, *RULE_SET.roles):
        assert name in text
