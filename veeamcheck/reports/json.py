"""JSON: the model's types field by field. What one program writes another can read and check."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from veeamcheck.model import SCHEMA_VERSION, InputError, Plan, Problem, Report, Traces

_MOST_PROBLEMS = 20
_REMEDY = "write one with: veeamcheck run -o json=report.json"


def render(document: Report | Plan | Traces) -> str:
    """The report, plan or traces as JSON text: equal documents give equal texts."""
    if isinstance(document, Plan):
        return _text(_adapter(Plan), document)
    if isinstance(document, Traces):
        return _text(_adapter(Traces), document)
    # Here, because plans are written and reports are read without it.
    from veeamcheck.diagnosis.impact import ReportWithImpact, with_impact

    run = document.run
    run = replace(run, start=_to_second(run.start), end=_to_second(run.end))
    return _text(_adapter(ReportWithImpact), with_impact(replace(document, run=run)))


def read_report(text: str, file: str = "report") -> Report:
    """The report that `render` wrote; InputError says why a text is none (`file`: its name)."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        what = f"this is not JSON: {error.msg}"
        raise InputError([Problem(file, error.lineno, "", what, error.colno)]) from None
    except (ValueError, RecursionError):
        raise InputError([Problem(file, 1, "", "this JSON cannot be read")]) from None
    wrong = _other_document(data)
    if wrong:
        raise InputError([Problem(file, 1, "", wrong)])
    try:
        report: Report = _adapter(Report).validate_json(text.encode(errors="replace"))
    except ValidationError as error:
        wrong = f"this is no report as this veeamcheck writes it; {_REMEDY}"
        raise InputError(
            [
                Problem(file, 1, "", wrong),
                *(
                    Problem(file, 1, ".".join(map(str, each["loc"])), each["msg"])
                    for each in error.errors(include_url=False)[:_MOST_PROBLEMS]
                ),
            ]
        ) from None
    problems = [
        Problem(file, 1, f"run.{name}", wrong)
        for name in ("start", "end")
        if (wrong := _wrong_time(getattr(report.run, name)))
    ]
    if problems:
        raise InputError(problems)
    return report


def report_schema() -> dict[str, Any]:
    """The JSON schema of a report."""
    from veeamcheck.diagnosis.impact import ReportWithImpact

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_adapter(ReportWithImpact).json_schema(mode="serialization"),
    }


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    """Made when it is asked for: that can take tens of milliseconds."""
    return TypeAdapter(kind)


def _text(adapter: TypeAdapter[Any], document: Report | Plan | Traces) -> str:
    try:
        return adapter.dump_json(document, indent=2).decode()
    except ValueError:
        # A file name with bytes that are no text: JSON must be text all the same.
        data = adapter.dump_python(document, mode="json")
        return json.dumps(data, indent=2, ensure_ascii=False).encode(errors="replace").decode()


def _to_second(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(microsecond=0)


def _wrong_time(time: datetime) -> str:
    """Why the time is none that can be compared with others and shown in UTC; else empty."""
    if time.tzinfo is None:
        return "has no time zone; write it in UTC, with a Z at its end"
    try:
        time.astimezone(UTC)
    except OverflowError:
        return "is before the first year or after the last"
    return ""


def _other_document(data: object) -> str:
    """What the document is, where it is certainly no report of this version; else empty."""
    if not isinstance(data, dict) or "kind" not in data:
        return f"this is no report of veeamcheck; {_REMEDY}"
    if data["kind"] != "report":
        return f"this is a {data['kind']}, not a report; {_REMEDY}"
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        return (
            f"this report has schema version {json.dumps(version)}, "
            f"but this veeamcheck reads version {SCHEMA_VERSION}; update veeamcheck or {_REMEDY}"
        )
    return ""
