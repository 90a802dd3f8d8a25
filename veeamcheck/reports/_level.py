"""How much a report says. Apart, so that asking for it imports nothing that draws."""

from enum import StrEnum


class Level(StrEnum):
    """How much to say."""

    QUIET = "quiet"
    """The summary and what to do."""
    NORMAL = "normal"
    VERBOSE = "verbose"
    """Also every piece of evidence in full, and what was skipped."""
