"""The page as a text: what is in it, and that nothing in it can act. See test_html_browser.py."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import samples
from tests.reports.large import large
from tests.samples import flow, report, run_note, seen
from veeamcheck.model import NotCoveredNote, ReasonCode, Report, Signal, Verdict
from veeamcheck.reports.html import _with_commands, render

REPORTS = {**samples.SAMPLES, "large": large}
NASTY = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "\u2028\u202e\x00\x1b[31m\udc80",
)
ELEMENT = "{http://www.w3.org/1999/xhtml}"


def parsed(page: str) -> Any:
    """The page as a browser's parser has it; an error of markup raises."""
    return html5lib.HTMLParser(strict=True).parse(page)


def elements(page: str, name: str) -> list[Any]:
    return list(parsed(page).iter(ELEMENT + name))


def data_of(page: str) -> dict[str, Any]:
    (text,) = (one.text for one in elements(page, "script") if one.get("id") == "data")
    data: dict[str, Any] = json.loads(text)
    return data


def poisoned(text: str) -> Report:
    """A report with this text wherever a report can have any."""
    made = report(
        [
            flow(
                text, text, text + "2", "22", Verdict.FAIL, ReasonCode.BLOCKED_REJECTED,
                [seen("22", Signal.REJECTED, by=text, meaning=text, address=text, local=text,
                      name=text, detail={text: text})],
                reason=text, section=text, service=text, address=(text,),
            ),
            flow(
                text + "3", text, text + "2", "23", Verdict.UNTESTED, ReasonCode.OTHER_VANTAGE,
                reason=text, runs_from=text + "4",
            ),
        ],
        run=run_note(
            inventory=text,
            vantages=(text,),
            version=text,
            missing_evidence=(text,),
            not_covered=(NotCoveredNote(what=text, where=text),),
        ),
        warnings=(text,),
    )  # fmt: skip
    rules = (
        replace(rule, purpose=text, breaks=text, document=text, allow_list=(text,))
        for rule in made.rules
    )
    return replace(made, rules=tuple(rules))


@pytest.mark.parametrize("name", REPORTS)
def test_the_markup_is_without_errors(name: str) -> None:
    assert elements(render(REPORTS[name]()), "main")


@pytest.mark.parametrize("name", REPORTS)
def test_nothing_is_loaded_from_elsewhere(name: str) -> None:
    for one in parsed(render(REPORTS[name]())).iter():
        assert one.get("src") is None
        if one.tag != f"{ELEMENT}a":
            assert one.get("href", "data:,") == "data:,"


def test_only_its_own_script_and_style_may_run() -> None:
    page = render(samples.everything())
    (policy,) = (
        one.get("content")
        for one in elements(page, "meta")
        if one.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for name in ("style", "script"):
        (text,) = (one.text for one in elements(page, name) if one.get("type") is None)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("text", NASTY)
def test_what_is_hostile_stays_text(text: str) -> None:
    harmless, hostile = render(poisoned("name")), render(poisoned(text))
    tags = [one.tag for one in parsed(harmless).iter()]
    assert [one.tag for one in parsed(hostile).iter()] == tags
    handlers = [key for one in parsed(hostile).iter() for key in one.attrib if key.startswith("on")]
    assert handlers == []


@given(st.text(st.characters(codec=None), max_size=40))
@settings(max_examples=30, deadline=None)
def test_any_text_makes_a_page_that_can_be_stored(text: str) -> None:
    page = render(poisoned(text))
    page.encode()
    assert data_of(page)["flows"]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "file:///etc", "x"])
def test_only_web_addresses_become_links(address: str) -> None:
    made = samples.everything()
    made = replace(
        made,
        rules=tuple(replace(rule, document=address) for rule in made.rules),
        run=replace(made.run, not_covered=(NotCoveredNote(what="this", where=address),)),
    )
    page = render(made)
    assert {rule["link"] for rule in data_of(page)["rules"]} == {""}
    assert address not in {one.get("href") for one in elements(page, "a")}
    assert address in page


def test_ten_thousand_flows_stay_small() -> None:
    page = render(large(10_000))
    assert len(data_of(page)["flows"]) == 10_000
    assert len(page.encode()) <= 5_000_000


def test_every_flow_is_in_it_once_the_worst_first() -> None:
    made = samples.everything()
    data = data_of(render(made))
    texts, rules = data["texts"], data["rules"]
    ids = [f"{rules[row[0]]['id']}@{texts[row[1]]}>{texts[row[2]]}" for row in data["flows"]]
    assert sorted(ids) == sorted(each.id for each in made.flows)
    verdicts = [row[5] for row in data["flows"]]
    assert verdicts == sorted(verdicts)
    assert [name for name, _ in data["verdicts"]][verdicts[0]] == "fail"


def test_a_rule_that_the_report_does_not_explain_is_shown_all_the_same() -> None:
    data = data_of(render(replace(samples.all_pass(), rules=())))
    assert [rule["id"] for rule in data["rules"]] == [
        "backup-server-pve-api",
        "backup-server-pve-ssh",
    ]


def test_numbers_that_json_cannot_hold_are_left_out() -> None:
    row = seen("22", Signal.OPEN, rtt_ms=float("nan"))
    made = report([flow("rule", "vbr1", "pve1", "22", Verdict.PASS, ReasonCode.OPEN, [row])])
    assert data_of(render(made))["flows"][0][-1][0][5] is None


def test_equal_reports_give_equal_pages() -> None:
    assert render(samples.everything()) == render(samples.everything())


def test_commands_in_advice_stand_out() -> None:
    assert "chronyc tracking" in [
        each.text for each in elements(render(samples.everything()), "code")
    ]


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("run `a <b>` now", "run <code>a &lt;b&gt;</code> now"),
        ("one ` alone <b>", "one ` alone &lt;b&gt;"),
        ("<b>", "&lt;b&gt;"),
    ],
)
def test_advice_stays_text(sentence: str, shown: str) -> None:
    assert _with_commands(sentence) == shown
