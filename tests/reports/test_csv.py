"""CSV: a row a flow, and no cell that a spreadsheet computes."""

import csv
from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reports.golden import assert_golden
from tests.samples import everything, flow, hostile, isolated, report, seen
from veeamcheck.model import ReasonCode, Report, Signal, Verdict
from veeamcheck.reports.csv import COLUMNS, guarded, render
from veeamcheck.wording import inert

FORMULA_SIGNS = tuple("=+-@\t\r＝＋－＠")


def rows(made: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(render(made), newline=""), strict=True))


def test_every_verdict() -> None:
    assert_golden("everything.csv", render(everything()))


def test_a_row_for_every_flow() -> None:
    made = everything()
    assert [(row["rule"], row["verdict"]) for row in rows(made)] == [
        (each.rule, each.verdict) for each in made.flows
    ]


def test_a_firewall_request_has_the_sources_own_address_and_not_its_stand_ins() -> None:
    from_vbr1, *_, from_worker1 = rows(isolated())
    assert from_vbr1["source address"] == "10.0.10.5"
    assert (from_worker1["tested from"], from_worker1["source address"]) == ("pve2", "")


def test_the_address_of_a_source_that_is_elsewhere_a_target_is_known() -> None:
    (row,) = (row for row in rows(everything()) if row["rule"] == "worker-repository-data")
    assert row["source address"] == "10.0.20.11"


def test_a_name_is_given_as_its_addresses() -> None:
    named = [
        seen("22", Signal.OPEN, address=address, name="repo1.example.com")
        for address in ("10.0.30.5", "10.0.30.6")
    ]
    made = flow(
        "rule", "vbr1", "repo1", "22", Verdict.PASS, ReasonCode.OPEN, named,
        address=("repo1.example.com", "lost.example.com"),
    )  # fmt: skip
    (row,) = rows(report([made]))
    assert row["destination address"] == "10.0.30.5, 10.0.30.6, lost.example.com"


def test_a_waiver_with_its_end() -> None:
    (row,) = (row for row in rows(everything()) if row["verdict"] == "waived")
    assert (row["waived"], row["waived until"], row["waiver"]) == (
        "fail", "2027-01-31", "change 4711",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ('=HYPERLINK("http://evil")', '\'=HYPERLINK("http://evil")'),
        ("  +1", "'+1"),
        ("\t=1", "'=1"),
        ("\r\n-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1", "'＝1"),
        ("a;=1", "a;'=1"),
        ('a" ,=1', "a\" ,'=1"),
        ("2500-3300", "2500-3300"),
        ("10.0.10.5", "10.0.10.5"),
        ("backup-server-pve-ssh", "backup-server-pve-ssh"),
    ],
)
def test_guarded(cell: str, safe: str) -> None:
    assert guarded(cell) == safe


texts = st.one_of(st.text(), st.text("=+-@;,\"' \t\r\nab\x00＝"))


@given(texts, texts)
def test_any_cell_comes_back_whole_and_is_no_formula(name: str, reason: str) -> None:
    made = hostile()
    (each,) = made.flows
    (row,) = rows(replace(made, flows=(replace(each, source=name, reason=reason),)))
    assert list(row) == list(COLUMNS)
    assert (row["source"], row["reason"]) == (guarded(name), guarded(reason))
    assert row["reason"].replace("'", "") == inert(reason).replace("'", "")
    assert not any(cell.startswith(FORMULA_SIGNS) for cell in row.values())


@given(texts)
def test_no_cell_is_a_formula_where_a_spreadsheet_splits_at_semicolons(cell: str) -> None:
    for part in guarded(cell).split(";"):
        assert not part.strip().startswith(FORMULA_SIGNS)
