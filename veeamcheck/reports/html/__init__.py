"""One HTML page to pass on: everything in one file, drawn by its own script, no network.

The summary, what to do first and the limits are written into the page (`page.html`); the flows
are data in it (`data.py`), from which the script draws the matrix, the list and the details as
they are asked for. So ten thousand flows open as fast as ten.

Nothing in a report can act: every text is escaped by the template or set as text by the script,
and the page's own policy lets nothing run but the one script that was inlined here.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from veeamcheck.diagnosis.causes import find_causes
from veeamcheck.reports.html.content import page_content
from veeamcheck.reports.html.data import page_data
from veeamcheck.wording import inert

if TYPE_CHECKING:
    from jinja2 import Template

    from veeamcheck.model import Report

_HERE = resources.files(__name__)
_SCRIPTS = ("data", "filter", "elements", "matrix", "list", "details", "main")
"""In the order in which they build on each other."""


def render(report: Report) -> str:
    """The report as one HTML file, for any browser of the last years."""
    causes = find_causes(report)
    style, script = _style(), _script()
    return _template().render(
        page_content(report, causes),
        style=Markup(style),
        script=Markup(script),
        data=Markup(_inert_json(page_data(report, causes))),
        policy=_policy(style, script),
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters["commands"] = _with_commands
    return environment.from_string(_text("page.html"))


def _finalize(value: object) -> object:
    """Every text that the template prints, with control and invisible characters made visible."""
    return inert(value) if type(value) is str else value


def _with_commands(sentence: str) -> Markup:
    """A sentence of advice, in which commands stand in backquotes."""
    pieces = inert(sentence).split("`")
    if len(pieces) % 2 == 0:
        return escape(inert(sentence))
    return Markup().join(
        Markup("<code>{}</code>").format(piece) if number % 2 else piece
        for number, piece in enumerate(pieces)
    )


@cache
def _style() -> str:
    return f"\n{_text('style.css')}"


@cache
def _script() -> str:
    parts = (_text("script", f"{name}.js") for name in _SCRIPTS)
    return "\n".join(("", '"use strict";', *parts))


def _text(*path: str) -> str:
    return _HERE.joinpath(*path).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """What the page may do: apply this style and run this script, and nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src {_fingerprint(style)}",
            f"script-src {_fingerprint(script)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _fingerprint(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _inert_json(data: dict[str, Any]) -> str:
    """JSON without a character that HTML could take for markup."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
