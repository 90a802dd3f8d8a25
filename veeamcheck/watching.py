"""What to tell somebody who watches: each change once, when it is sure.

A `Watcher` is given one run after the other and answers with what is new. It is a fold: the same
runs give the same answers, so after a restart the recorded runs bring it back to where it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from veeamcheck.diff import (
    FLAPPING_WINDOW,
    Change,
    Kind,
    Snapshot,
    Standing,
    change_of,
    in_order,
    is_flapping,
    verdict_changes,
)
from veeamcheck.history import History
from veeamcheck.model import ReasonCode, Verdict

_STEADY_CHANGES = 1
"""A flow that flaps does so until no more changes than this are left in the window."""


class Turn(StrEnum):
    """A flow begins to flap, or ends it."""

    FLAPPING = "flapping"
    STEADY = "steady"


@dataclass(frozen=True, slots=True)
class News:
    """What is new since the run before."""

    changes: tuple[Change, ...] = ()
    turns: Mapping[str, Turn] = field(default_factory=dict)
    """By flow. While a flow flaps its changes are not told; afterwards the one that remains is.

    Told all the same is that it is no longer judged, and that it is again.
    """

    def __bool__(self) -> bool:
        return bool(self.changes or self.turns)


@dataclass(slots=True)
class _Track:
    """What is known of one flow."""

    now: Standing
    told: Standing | None
    """Where the reader believes that it stands."""
    told_judged: Standing | None = None
    """Where the reader believed that it stood when it was judged last."""
    judged: Standing | None = None
    """The latest that is no `untested`."""
    verdicts: deque[Verdict] = field(default_factory=lambda: deque(maxlen=FLAPPING_WINDOW))
    """Those of runs that judged it: a host that can't be probed from is no flapping flow."""
    same_verdict: int = 0
    """Runs in a row, of those that judged it."""
    same_reason: int = 0
    """Runs in a row with this verdict for this reason, of those that judged it."""
    untested: int = 0
    """Runs in a row."""
    flapping: bool = False

    @property
    def judged_again(self) -> bool:
        """Whether the reader has yet to hear that it is judged again."""
        believed = self.told and self.told.verdict
        return believed is Verdict.UNTESTED and not self.untested

    def tell(self) -> None:
        """The reader knows now."""
        self.told = self.now
        if self.now.verdict is not Verdict.UNTESTED:
            self.told_judged = self.now


class Watcher:
    """Tells each change once: what is worse after `confirm` runs in a row, what is better at once.

    To the first run everything is new, and it tells only what fails. A run that did not test a flow
    says nothing of how it stands. That it is no longer judged is told after `confirm` runs, too;
    judged again, it is compared with what was told of it before.
    """

    def __init__(self, confirm: int = 1) -> None:
        self._confirm = confirm
        self._tracks: dict[str, _Track] = {}
        self._began = False

    def see(self, run: Snapshot) -> News:
        """Take in the next run, and give what is new."""
        changes: list[Change | None] = []
        turns: dict[str, Turn] = {}
        for flow in [flow for flow in self._tracks if flow not in run.flows]:
            changes.append(change_of(flow, self._tracks.pop(flow).told, None))
        for flow, now in run.flows.items():
            if now.reason_code is ReasonCode.INTERRUPTED:
                continue  # says nothing
            track = self._tracks.get(flow)
            if track is None:
                track = self._tracks[flow] = _Track(now=now, told=None)
                if not self._began and now.verdict is not Verdict.FAIL:
                    track.tell()
            _advance(track, now)
            turn = _turn(track)
            if turn:
                turns[flow] = turn
            changes.append(self._tell(flow, track))
        self._began = True
        return News(in_order([change for change in changes if change]), turns)

    def _tell(self, flow: str, track: _Track) -> Change | None:
        """The change to tell of this flow now, if any."""
        change = _change(flow, track)
        if change is None or (track.flapping and not track.untested and not track.judged_again):
            return None
        if track.untested:
            sure = track.untested >= self._confirm
        elif change.kind is Kind.CHANGED:
            sure = track.same_reason >= self._confirm
        else:
            sure = track.same_verdict >= self._confirm or not change.worse
        if not sure:
            return None
        track.tell()
        return change


def watcher_from(history: History, inventory: str, confirm: int = 1) -> Watcher:
    """A watcher who has seen the runs of this inventory that are recorded and still matter."""
    watcher = Watcher(confirm)
    for run in reversed(history.runs(inventory, FLAPPING_WINDOW + confirm)):
        watcher.see(history.snapshot(run.number))
    return watcher


def _change(flow: str, track: _Track) -> Change | None:
    """From where the reader believes that the flow stands to where it does, if that is a change."""
    before, now = track.told_judged, track.now
    if not (track.judged_again and before):
        return change_of(flow, track.told, now)
    return change_of(flow, before, now) or Change(flow=flow, kind=Kind.TESTED, old=before, new=now)


def _advance(track: _Track, now: Standing) -> None:
    track.now = now
    if now.verdict is Verdict.UNTESTED:
        track.untested += 1
        return
    before, track.judged, track.untested = track.judged, now, 0
    same_verdict = before is not None and before.verdict is now.verdict
    same_reason = before is not None and same_verdict and before.reason_code is now.reason_code
    track.same_verdict = track.same_verdict + 1 if same_verdict else 1
    track.same_reason = track.same_reason + 1 if same_reason else 1
    track.verdicts.append(now.verdict)


def _turn(track: _Track) -> Turn | None:
    """Whether the flow begins or ends flapping with this run."""
    verdicts = list(track.verdicts)
    if not track.flapping and is_flapping(verdicts):
        track.flapping = True
        return Turn.FLAPPING
    if track.flapping and verdict_changes(verdicts) <= _STEADY_CHANGES:
        track.flapping = False
        return Turn.STEADY
    return None
