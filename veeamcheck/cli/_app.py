"""One way to make a command's typer application, with plain help that keeps its examples."""

import re
from typing import Any

import typer


def new_app(**settings: Any) -> typer.Typer:
    """An application whose help is plain text: quick to start, the same in every terminal."""
    return typer.Typer(
        **{
            "rich_markup_mode": None,
            "pretty_exceptions_enable": False,
            "add_completion": False,
            "context_settings": {"help_option_names": ["-h", "--help"]},
            **settings,
        }
    )


def help_text(docstring: str | None) -> str:
    """The docstring, its indented paragraphs marked (by a backspace) as not to be re-wrapped."""
    return re.sub(r"\n\n(?= )", "\n\n\b\n", docstring or "")
