"""What a page is made of: text that cannot do harm, headings, and entries with a label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

_ASCII = str.maketrans({"✓": "+", "✗": "x", "→": ">", "·": "-", "─": "-"})
"""What our own signs become where only ASCII can be shown; one for one, so that columns stay."""

_LEAST_ROOM = 24
"""Columns that a text needs to be read beside its label."""

Piece = str | tuple[str, str]
"""Text, or text and its style."""


def text_of(*pieces: Piece) -> Text:
    """One text of styled pieces, each as it is: no markup is read. Pieces must be inert."""
    text = Text()
    for piece in pieces:
        text.append(*(piece if isinstance(piece, tuple) else (piece,)))
    return text


@dataclass(frozen=True, slots=True)
class Entry:
    """A label and, in the column after it, a text that wraps there.

    Where the label is longer than its column, or leaves the text no room, the text starts on the
    line below. Nothing is ever cut off.
    """

    label: Text
    body: Text
    indent: int = 0
    column: int = 0
    """Width of the label with the space after it."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        indent, column, label = self.indent, self.column, self.label
        if options.max_width < indent + column + _LEAST_ROOM or label.cell_len > column:
            indent = min(indent, options.max_width // 4)
            for line in _wrapped(label, console, options.max_width - indent):
                yield Segment(" " * indent)
                yield from line.render(console, end="\n")
            column, label = (2 if label else 0), Text()
        for line in _wrapped(self.body, console, options.max_width - indent - column) or [Text()]:
            yield Segment(" " * indent)
            yield from label.render(console)
            yield Segment(" " * (column - label.cell_len))
            yield from line.render(console, end="\n")
            label = Text()


def _wrapped(text: Text, console: Console, width: int) -> list[Text]:
    """The lines of a text; words that are too long are broken."""
    lines = list(text.wrap(console, max(width, 1), overflow="fold")) if text else []
    for line in lines:
        line.rstrip()
    return lines


def paragraph(*pieces: Piece, indent: int = 0) -> Entry:
    return Entry(Text(), text_of(*pieces), indent)


def labelled(label: str, *pieces: Piece, indent: int, column: int = 8) -> Entry:
    return Entry(text_of((label, "dim")), text_of(*pieces), indent, column)


def heading(title: str) -> Iterator[RenderableType]:
    yield Text()
    yield paragraph((title, "bold underline"))
    yield Text()


@dataclass(frozen=True, slots=True)
class Page:
    """Blocks one below the other, in characters that the console's encoding has."""

    blocks: Iterable[RenderableType]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        encoding = options.encoding
        for block in self.blocks:
            for segment in console.render(block, options):
                if options.ascii_only:
                    text = segment.text.translate(_ASCII)
                    text = text.encode(encoding, "backslashreplace").decode(encoding)
                    segment = segment._replace(text=text)
                yield segment
