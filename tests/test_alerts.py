"""The alert rules in docs/ speak of metrics, and of labels, that a report really has.

That they fire when they should is shown by `promtool test rules` beside them.
"""

import re
from pathlib import Path

import pytest

from tests import samples
from veeamcheck.reports import render

RULES = Path(__file__).parent.parent / "docs" / "alerts" / "veeamcheck.rules.yml"
ALERTS = dict(re.findall(r"- alert: (\w+)\n(.*?)(?=\n\n|\Z)", RULES.read_text("utf-8"), re.DOTALL))


@pytest.mark.parametrize("alert", ALERTS)
def test_every_metric_and_label_is_exported(alert: str) -> None:
    text = ALERTS[alert]
    (metric,) = set(re.findall(r"\bveeamcheck_\w+", text))
    exposition = render("prometheus", samples.everything())
    assert f"# TYPE {metric} gauge" in exposition
    series = re.findall(rf"^{metric}(?:\{{(.*)\}})? ", exposition, re.MULTILINE)
    exported = set(re.findall(r'(\w+)="', series[0])) if series else set()
    wanted = set(re.findall(r"\$labels\.(\w+)", text)) | set(re.findall(r'(\w+)=~?"', text))
    assert wanted <= exported
