"""When each step of a run is shown."""

from __future__ import annotations

from collections.abc import Sequence

from ..trace import Recording

SHORTEST, LONGEST = 4.0, 20.0


def timeline(recording: Recording, seconds: float | None = None) -> list[float]:
    """Seconds at which each step is shown: as in the run, which is stretched or compressed to last
    `seconds`; without them, no less than 4 and no more than 20."""
    return timelines([recording], seconds)[0]


def timelines(recordings: Sequence[Recording], seconds: float | None = None) -> list[list[float]]:
    """The same of several runs on one clock: the longest of them lasts so long."""
    ran = max(recording.elapsed for recording in recordings)
    wanted = seconds or min(max(ran, SHORTEST), LONGEST)
    return [_times(recording, ran, wanted) for recording in recordings]


def _times(recording: Recording, ran: float, wanted: float) -> list[float]:
    steps = recording.steps
    if ran <= 0:
        return [wanted * (number + 1) / len(steps) for number in range(len(steps))]
    times, latest = [], 0.0
    for step in steps:
        # A clock that went backwards is the trace's fault, not a reason to.
        latest = max(latest, step.elapsed)
        times.append(latest * wanted / ran)
    return times
