import tomllib
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from veeamcheck.toml.writer import toml_text

TOML: dict[str, Any] = {
    "audit": {"record": True, "n": 3},
    "hosts": {"a.b": {"address": ["x", 'q"\x7f\n'], "ports": {"22": "2222", "80": [1]}}, "c": {}},
    "waive": [{"flow": "x@a>b", "until": date(2027, 1, 31)}],
    "exclude": [],
}


def test_toml_is_written_as_it_was_read() -> None:
    assert tomllib.loads(toml_text(TOML)) == TOML


VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_any_tables_are_read_back(document: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(document)) == document
