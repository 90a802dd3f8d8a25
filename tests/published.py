"""The JSON schema that `veeamcheck schema report` publishes, for every report that a test makes."""

from functools import cache
from typing import Any


@cache
def _validator() -> Any:
    # Only where it is used: the lab starts many programs that import this and check no report.
    import jsonschema

    from veeamcheck.reports.json import report_schema

    return jsonschema.Draft202012Validator(report_schema())


def assert_published(report: Any) -> None:
    """Raise ValidationError where the report is not as published."""
    _validator().validate(report)
