"""The rules that let the documented flows through, for one firewall or the people who run it.

One module a dialect, as `Dialect` says; a new dialect is one new module. Modules whose names begin
with an underscore are what dialects share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from veeamcheck.variants import load_variant, variants

if TYPE_CHECKING:
    from veeamcheck.firewall.openings import LeftOut, Opening


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be let through, where."""

    openings: tuple[Opening, ...]
    left_out: tuple[LeftOut, ...] = ()
    host: str | None = None
    """The host whose own firewall this is for, which is at one end of every opening; None: one
    in between."""
    name: str = "veeamcheck"
    """What the rules are found by: those of one name are replaced, and removed, together. Letters,
    digits, dashes and underscores."""
    made_of: str = ""
    """What the openings were made of, for the reader."""
    chains: tuple[str, ...] = ()
    """Where the rules hook in, for a dialect that has chains; empty: where they usually do."""

    def is_incoming(self, opening: Opening) -> bool:
        """Whether the host is the target; only to be asked where there is one."""
        return all(end.host == self.host for end in opening.targets)


class RequestError(Exception):
    """What a dialect can't do with a request, and what to ask for instead."""


class Dialect(Protocol):
    """What the module of a dialect has."""

    TAKES_NAMES: bool
    """A DNS name can stand where an address does."""
    ONLY_OWN: bool
    """Such a firewall protects the host that it runs on, never others behind it."""
    HAS_CHAINS: bool
    """Its rules hook into chains that the site has made."""

    def render(self, request: Request) -> str:
        """The rules as text; RequestError where they can't be written.

        Whatever names and reasons hold, they stay names and comments.
        """
        ...


def dialects() -> list[str]:
    """The names of all dialects, by file name: none is imported."""
    return variants(__path__)


def dialect(name: str) -> Dialect:
    """The dialect of that name; KeyError if there is none."""
    return cast(Dialect, load_variant(__name__, __path__, name))
