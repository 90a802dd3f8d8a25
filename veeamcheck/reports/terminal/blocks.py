"""What a page is made of: text that cannot do harm, headings, and entries with a label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

_ASCII = str.maketrans({"✓": "+", "✗": "x", "→": ">", "·": "-", "─": "-"})
"""What our own signs become where only ASCII can be shown; one for one, so that columns stay."""

Piece = str | tuple[str, str]
"""Text, or text and its style."""


def inert(text: str) -> str:
    """One line that shows control, invisible and broken characters instead of obeying them."""
    line = " ".join(text.split())
    if line.isprintable():
        return line
    return "".join(
        char if char.isprintable() else char.encode("ascii", "backslashreplace").decode()
        for char in line
    )


def text_of(*pieces: Piece) -> Text:
    """One text of styled pieces, each as it is: no markup is read. Pieces must be inert."""
    text = Text()
    for piece in pieces:
        text.append(*(piece if isinstance(piece, tuple) else (piece,)))
    return text


@dataclass(frozen=True, slots=True)
class Entry:
    """A label and, in the column after it, a text that wraps there."""

    label: Text
    body: Text
    indent: int = 0
    column: int = 0
    """Width of the label; where it is longer, the body starts after it."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        margin = self.indent + self.column
        room = max(options.max_width - margin, 10)
        lines = self.body.wrap(console, room, overflow="fold") or [Text()]
        for number, line in enumerate(lines):
            yield Segment(" " * self.indent)
            if number == 0:
                yield from self.label.render(console)
                yield Segment(" " * (self.column - self.label.cell_len))
            else:
                yield Segment(" " * self.column)
            line.rstrip()
            yield from line.render(console, end="\n")


def paragraph(*pieces: Piece, indent: int = 0) -> Entry:
    return Entry(Text(), text_of(*pieces), indent)


def labelled(label: str, *pieces: Piece, indent: int, column: int = 8) -> Entry:
    return Entry(Text(label, "dim"), text_of(*pieces), indent, column)


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
