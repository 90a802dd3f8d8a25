"""How fast a browser shows the HTML report of 10,000 flows: ``python -m bench.html_report``.

Times are the browser's own. A filter's time runs from the input to the end of the frame that shows
its result: script, layout and paint.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.browser import Browser, unavailable
from tests.reports.large import large
from veeamcheck.reports.html import render

_FLOWS = 10_000
_OPENINGS = 5
_FILTERS = (
    ("verdict", "fail"),
    ("verdict", "fail"),  # a checkbox: and off again
    ("q", "10.0.99.1"),
    ("q", "prohibited 3001"),
    ("q", ""),
    ("host", "worker-01*"),
    ("host", ""),
    ("rule", "number-01"),
    ("rule", ""),
    ("section", "Section 1"),
    ("section", ""),
)
_PAINT = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_READY = "return performance.getEntriesByType('navigation')[0].loadEventEnd"
_FILTER = """
const [name, value, done] = arguments;
const fields = document.getElementById("filter").elements;
const start = performance.now();
if (name === "verdict") [...fields.verdict].find((one) => one.value === value).click();
else {
  fields[name].value = value;
  fields[name].dispatchEvent(new Event("input", { bubbles: true }));
}
requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
"""
_SHAPES = {"50 sources, 100 targets": (50, 100), "100 sources, 100 targets": (100, 100)}


def main() -> None:
    if reason := unavailable():
        sys.exit(f"no browser here: {reason}")
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(Path(folder))
        try:
            for name, shape in _SHAPES.items():
                print(f"{_FLOWS:,} flows, {name}")
                _measure(browser, *shape)
        finally:
            browser.stop()


def _measure(browser: Browser, sources: int, targets: int) -> None:
    report = large(_FLOWS, sources, targets)
    start = perf_counter()
    page = render(report)
    print(f"    rendered in {perf_counter() - start:.2f} s, {len(page.encode()) / 1e6:.2f} MB")
    paints, readies = [], []
    for _ in range(_OPENINGS):
        browser.open(page)
        paints.append(browser.wait(_PAINT))
        readies.append(browser.wait(_READY))
    print(f"    first paint {_told(paints)}; all there {_told(readies)}")
    browser.run("document.getElementById('flows').scrollIntoView()")
    times = [browser.driver.execute_async_script(_FILTER, *each) for each in _FILTERS]
    print(f"    filter {_told(times)}")


def _told(times: list[float]) -> str:
    return f"{median(times):.0f} ms (worst {max(times):.0f} ms)"


if __name__ == "__main__":
    main()
