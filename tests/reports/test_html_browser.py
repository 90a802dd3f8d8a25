"""The page in a real browser: what a reader sees, clicks, types, prints and passes on."""

import pytest

from tests import samples
from tests.browser import Browser
from tests.reports.large import large
from tests.reports.test_html import NASTY, poisoned
from veeamcheck.reports.html import render

pytestmark = pytest.mark.browser

ROWS = "#list tbody tr"
CELLS = "#matrix .cell"


@pytest.fixture(scope="module")
def everything() -> str:
    return render(samples.everything())


@pytest.fixture(scope="module")
def site() -> str:
    """A report of 10,000 flows."""
    return render(large())


def shown(browser: Browser) -> list[str]:
    """The verdict of every row of the list."""
    return [text.split()[1] for text in browser.texts(f"{ROWS} .badge")]


# --- the first look --------------------------------------------------------------------------


def test_it_opens_with_what_it_comes_to_and_what_to_do(browser: Browser, everything: str) -> None:
    browser.open(everything)
    assert browser.text("h1").split(maxsplit=1)[1] == (
        "5 of 11 tested flows fail. 4 flows remain untested."
    )
    first, *_ = browser.texts("#causes h3")
    assert "pve2 (10.0.10.21) gave no sign of life to vbr1." in first
    assert browser.text("#found") == "15 flows"
    assert len(shown(browser)) == 15
    assert browser.run("return performance.getEntriesByType('resource').length") == 0


def test_a_cell_shows_the_worst_verdict_by_sign_and_word(browser: Browser, everything: str) -> None:
    browser.open(everything)
    cells = browser.wait(
        "const all = [...document.querySelectorAll(arguments[0])];"
        "return all.length === 10 && all.map((one) => [one.textContent, one.ariaLabel])",
        CELLS,
    )
    assert ["✗2", "vbr1 to pve2: 2 fail"] in cells
    assert ["✗", "vbr1 to sql1: 1 fail, 1 better"] in cells
    assert ["✓", "vbr1 to repo2: 1 pass, 1 better"] in cells


def test_more_causes_come_on_demand(browser: Browser, site: str) -> None:
    browser.open(site)
    assert len(browser.texts("#causes > li")) == 10
    more = int(browser.text("#show-causes").split()[1])
    browser.click("#show-causes")
    assert len(browser.texts("#causes > li")) == 10 + more
    assert browser.run("return document.activeElement.closest('li') !== null")


# --- details ---------------------------------------------------------------------------------


def test_a_click_on_a_cell_shows_flows_evidence_and_what_to_do(
    browser: Browser, everything: str
) -> None:
    browser.open(everything)
    browser.run("document.querySelector('#matrix').scrollIntoView()")
    browser.wait("return document.querySelector('.cell')")
    browser.click('.cell[title="vbr1 to sql1: 1 fail, 1 better"]')
    browser.wait("return !document.querySelector('#details').hidden")
    assert browser.view == "source=vbr1&target=sql1"
    assert browser.text("#details-title") == "vbr1 → sql1 (10.0.40.7)"
    assert browser.run("return document.activeElement.id") == "details-title"
    assert len(browser.texts("#details article")) == 2
    text = browser.text("#details article")
    assert "2900-2950, 2960-3000\trejected\t12 of 92" in text
    assert "by 10.0.99.1; administratively prohibited" in text
    assert "Ask whoever runs 10.0.99.1 to allow the connections below." in text
    assert "Jobs that need guest-proxy-guest-data fail." in text


def test_escape_closes_the_details_and_gives_the_focus_back(
    browser: Browser, everything: str
) -> None:
    browser.open(everything)
    browser.click(f"{ROWS}:nth-child(3) a")
    browser.wait("return !document.querySelector('#details').hidden")
    assert browser.view == "flow=backup-server-pve-ssh@vbr1%3Epve2"
    assert browser.run(f"return document.querySelector('{ROWS}[aria-current]').rowIndex") == 3
    browser.press("ESCAPE")
    browser.wait("return document.querySelector('#details').hidden")
    assert browser.view == "all"
    assert browser.run("return document.activeElement.textContent") == "backup-server-pve-ssh"
    browser.driver.back()
    browser.wait("return !document.querySelector('#details').hidden")


def test_a_row_can_be_clicked_anywhere(browser: Browser, everything: str) -> None:
    browser.open(everything)
    browser.click(f"{ROWS}:nth-child(1) td:last-child")
    browser.wait("return !document.querySelector('#details').hidden")


def test_a_waiver_is_told_with_its_reason_and_end(browser: Browser, everything: str) -> None:
    browser.open(everything, "flow=backup-server-log-shipping-smb@vbr1>repo2")
    text = " ".join(browser.text("#details article").split())
    assert "Waived: change 4711, until 2027-01-31. Without the waiver: ✗ fail" in text


# --- filter and deep links -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("view", "count"),
    [
        ("verdict=fail", 5),
        ("verdict=fail,waived", 6),
        ("host=pve2", 2),
        ("host=PVE*", 5),
        ("host=*1", 15),
        ("rule=*-ssh", 2),
        ("section=Workers", 2),
        ("q=administratively", 1),
        ("q=10.0.10.21+silent+22", 1),
        ("cause=1", 2),
        ("verdict=fail&host=sql1", 1),
        ("verdict=nonsense", 0),
        ("cause=99", 0),
        ("host=[", 0),
        ("unknown=1", 15),
    ],
)
def test_a_link_shows_what_it_names(
    browser: Browser, everything: str, view: str, count: int
) -> None:
    browser.open(everything, view)
    found = browser.text("#found")
    assert found == ("15 flows" if count == 15 else f"{count} of 15 flows")
    assert len(browser.texts(ROWS)) == count
    assert bool(browser.text("#list .none")) == (count == 0)


def test_what_is_chosen_is_in_the_location(browser: Browser, everything: str) -> None:
    browser.open(everything)
    browser.click(".chip.fail")
    browser.click(".chip.unproven")
    assert shown(browser) == ["fail"] * 5 + ["unproven"] * 2
    browser.click("[name=host]")
    browser.press("s", "q", "l")
    assert browser.view == "host=sql&verdict=fail,unproven"
    assert browser.texts(f"{ROWS} a") == ["guest-proxy-guest-data", "guest-proxy-guest-runtime"]
    again = browser.view
    browser.open(everything, again)
    assert len(browser.texts(ROWS)) == 2
    assert browser.run("return document.querySelector('[name=host]').value") == "sql"
    browser.click("#clear")
    browser.wait("return location.hash === '#all'")
    assert len(browser.texts(ROWS)) == 15


def test_the_matrix_shows_only_what_is_filtered(browser: Browser, everything: str) -> None:
    browser.open(everything, "verdict=degraded")
    browser.run("document.querySelector('#matrix').scrollIntoView()")
    browser.wait("return document.querySelector('.row .name').innerText")
    assert browser.texts(".row .name") == ["vbr1"]
    assert (
        browser.wait(
            "return document.querySelectorAll('.cell').length === 1 &&"
            " document.querySelector('.cell').ariaLabel"
        )
        == "vbr1 to repo1: 1 degraded"
    )


def test_a_cause_leads_to_its_flows(browser: Browser, everything: str) -> None:
    browser.open(everything)
    browser.click("#causes li:first-child .meta a")
    browser.wait("return document.activeElement.id === 'flows'")
    assert browser.texts(f"{ROWS} td:nth-child(2)") == ["vbr1 → pve2"] * 2
    assert "gave no sign of life" in browser.text("#cause")


def test_an_anchor_of_the_page_is_no_filter(browser: Browser, everything: str) -> None:
    browser.open(everything, "verdict=fail")
    browser.run("location.hash = 'limits'")
    browser.wait("return location.hash === '#limits'")
    assert len(browser.texts(ROWS)) == 5


# --- keyboard --------------------------------------------------------------------------------


def test_arrow_keys_move_between_the_cells(browser: Browser, everything: str) -> None:
    browser.open(everything)
    focused = "return document.activeElement.getAttribute('aria-label')"
    browser.run("document.querySelector('.cell[tabindex=\"0\"]').focus()")
    assert browser.run(focused) == "vbr1 to pve1: 1 fail, 2 better"
    browser.press("ARROW_RIGHT")
    assert browser.run(focused) == "vbr1 to pve2: 2 fail"
    browser.press("ARROW_RIGHT", "ARROW_RIGHT", "ARROW_RIGHT", "ARROW_DOWN")
    assert browser.run(focused) == "worker1 to repo1: 1 untested"
    browser.press("ARROW_DOWN", "ARROW_DOWN")
    assert browser.run(focused) == "sql1 to repo1: 1 untested"
    browser.press("ARROW_LEFT")
    assert browser.run(focused) == "sql1 to repo1: 1 untested"
    assert browser.run("return document.querySelectorAll('.cell[tabindex=\"0\"]').length") == 1
    browser.press("ENTER")
    browser.wait("return document.activeElement.id === 'details-title'")
    assert browser.text("#details-title").startswith("sql1 → repo1")


def test_rows_and_columns_swap(browser: Browser, everything: str) -> None:
    browser.open(everything)
    browser.click("#swap")
    assert browser.texts(".names .name") == ["vbr1", "worker1", "sql1"]


# --- many flows ------------------------------------------------------------------------------


def test_rows_come_as_they_are_needed(browser: Browser, site: str) -> None:
    browser.open(site, "verdict=fail")
    assert browser.text("#found") == "1,000 of 10,000 flows"
    few = len(browser.texts(ROWS))
    assert few < 200
    browser.run("scrollTo(0, document.body.scrollHeight)")
    browser.wait(f"return document.querySelectorAll('{ROWS}').length > {few}")
    assert browser.run("return document.getElementsByTagName('*').length") < 20_000


def test_every_cell_of_a_large_matrix_can_be_reached(browser: Browser, site: str) -> None:
    browser.open(site)
    assert browser.run("return document.querySelectorAll('.cell').length") < 5_000
    browser.run("const all = document.querySelector('.scroll'); all.scrollTop = all.scrollHeight")
    browser.run("document.querySelector('#matrix').scrollIntoView()")
    browser.wait("return document.querySelector('.row:last-child .cell')")
    browser.click(".row:last-child .cell")
    browser.wait("return !document.querySelector('#details').hidden")


# --- paper, light and dark -------------------------------------------------------------------


def test_paper_has_the_flows_without_the_controls(browser: Browser, everything: str) -> None:
    browser.open(everything, "verdict=fail", dark=True)
    assert browser.paper().startswith(b"%PDF-")
    browser.command("Emulation.setEmulatedMedia", media="print")
    for hidden in ("[name=q]", ".chip", "#swap", "#clear"):
        assert (
            browser.run("return document.querySelector(arguments[0]).checkVisibility()", hidden)
            is False
        )
    assert browser.text(".found") == "5 of 15 flows\nverdict: fail"
    page = browser.run("return getComputedStyle(document.documentElement).backgroundColor")
    assert page == "rgb(255, 255, 255)"


def test_what_does_not_fit_on_paper_is_named(browser: Browser, site: str) -> None:
    browser.open(site)
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert len(browser.texts(ROWS)) == 2001
    assert browser.texts(ROWS)[-1].startswith("8,000 more flows not printed")
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert len(browser.texts(ROWS)) == 2000


def test_dark_is_dark_and_light_is_light(browser: Browser, everything: str) -> None:
    light = {}
    for dark in (False, True):
        browser.open(everything, dark=dark)
        light[dark] = browser.run(
            "const [r, g, b] = getComputedStyle(document.documentElement).backgroundColor"
            ".match(/\\d+/g).map(Number); return r + g + b"
        )
    assert light[True] < 100 < 700 < light[False]


# --- hostile input ---------------------------------------------------------------------------


@pytest.mark.parametrize("text", NASTY)
def test_nothing_hostile_runs(browser: Browser, text: str) -> None:
    """An open alert would fail the next command."""
    browser.open(render(poisoned(text)))
    browser.wait("return document.querySelector('.cell')").click()
    browser.wait("return !document.querySelector('#details').hidden")
    browser.run(f"document.querySelector('{ROWS} a').click()")
    browser.wait("return location.hash.startsWith('#flow=')")
    assert browser.run("return document.querySelectorAll('script, img').length") == 2
    assert browser.texts("#details article")


def test_what_is_forbidden_is_really_forbidden(browser: Browser, everything: str) -> None:
    browser.open(everything)
    browser.run(
        "const made = document.createElement('img'); made.src = 'http://127.0.0.1:9/x';"
        "document.body.append(made); made.addEventListener('error', () => { made.id = 'failed'; })"
    )
    browser.wait("return document.querySelector('#failed')")
    (error,) = browser.errors()
    assert "violates the following Content Security Policy directive" in error
