"""Runs as JSON lines: written as they go, read back, and played again without the model.

The format is described in `docs/trace.md`. A trace is read with suspicion: it may be cut off, and
it may come from anywhere.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TextIO

import numpy as np
from numpy.typing import NDArray

from . import __version__
from .decoding.step import Candidates, Commit, Step
from .engines.job import Job
from .errors import RunError, UsageError
from .files import expanded, finite, open_held, read_bounded
from .generation.filled import Holes, InfillRun
from .generation.run import Result, Run, TextEvent
from .generation.text import CanvasTexts

FORMAT = "hoshikage-trace"
VERSION = 1
LARGEST = 2**31 - 1
LONGEST_CANVAS = 2**22
LONGEST_TRACE = 2**30
"""Bytes."""


class TraceError(RunError):
    """A trace that cannot be written, or a file that cannot be read as one."""


# ------------------------------------------------------------------------------------ writing


class Lines(Protocol):
    """What a trace is written to."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...

    def close(self) -> object: ...


class TraceWriter:
    """Writes one run to a file, a line at a time, so that a killed run leaves a valid prefix.

    Call `begin` with the run, `step` with each of its events, `end` with its result.
    """

    def __init__(self, path: str | Path, file: Lines | None = None) -> None:
        """file: one that is open already, and then called by the path."""
        self.path = expanded(path)
        self._spelled: set[int] = set()
        self._file: Lines = file or self._opened()

    def _opened(self) -> TextIO:
        try:
            handle = open_held(self.path, anew=True)
            return os.fdopen(handle, "w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise self._failed(error) from None

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, run: Run) -> None:
        self._words = run.words
        self._write(
            {
                "record": "run",
                "format": FORMAT,
                "version": VERSION,
                "hoshikage": __version__,
                "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "model": dict(run.model),
                "settings": run.settings,
                "seed": run.seed,
                "steps": run.total_steps,
                "mask_token": run.mask_token,
                "end_tokens": sorted(self._words.end_tokens),
                "prompt_length": run.prompt_length,
                "canvas": [self._cell(token, run) for token in run.job.tokens.tolist()],
                **_infill(run),
            }
        )

    def step(self, event: TextEvent) -> None:
        step = event.step
        self._write(
            {
                "record": "step",
                "index": step.index,
                "total": step.total,
                "block": list(step.block) if step.block else None,
                "masked": step.masked,
                "positions_decoded": step.positions_decoded,
                "nfe": step.nfe,
                "elapsed": round(step.elapsed, 6),
                "commits": [self._commit(commit) for commit in step.commits],
                **self._proposals(step.proposals),
                **({"remasked": list(step.remasked)} if step.remasked else {}),
                **self._settled(event),
            }
        )

    def end(self, result: Result) -> None:
        self._write(
            {
                "record": "end",
                "stop_reason": result.stop_reason,
                "text": result.text,
                "steps": result.steps,
                "nfe": result.nfe,
                "prompt_tokens": result.prompt_tokens,
                "completion_tokens": result.completion_tokens,
                "timings": result.timings,
            }
        )

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise self._failed(error) from None

    def _write(self, record: dict[str, Any]) -> None:
        line = json.dumps(
            finite(record), ensure_ascii=False, allow_nan=False, separators=(",", ":")
        )
        try:
            # Half of a surrogate pair, from a prompt that was no text, has no UTF-8.
            self._file.write(line.encode("utf-8", "replace").decode("utf-8") + "\n")
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> TraceError:
        reason = getattr(error, "strerror", None) or error
        return TraceError(f"cannot write the trace to {self.path}: {reason}")

    def _cell(self, token: int, run: Run) -> dict[str, Any] | None:
        return None if token == run.mask_token else self._token(token)

    def _commit(self, commit: Commit) -> dict[str, Any]:
        sure = commit.confidence
        return {
            "position": commit.position,
            **self._token(commit.token),
            "confidence": round(sure, 6) if math.isfinite(sure) else None,
            "runner_up": None if commit.runner_up is None else self._token(commit.runner_up),
            **({} if commit.replaced is None else {"replaced": self._token(commit.replaced)}),
        }

    def _settled(self, event: TextEvent) -> dict[str, Any]:
        """What is final of a text of blocks; tokens that are only ever added all are."""
        settled = event.step.settled
        return {} if settled is None or not event.run.has_masks else {"settled": settled}

    def _proposals(self, proposals: tuple[Candidates, ...] | None) -> dict[str, Any]:
        """What was proposed, by ids, and the tokens that the file has not spelled yet."""
        if proposals is None:
            return {}
        ids = {token for each in proposals for token, _ in each.top}
        return {
            "tokens": [self._token(token) for token in sorted(ids - self._spelled)],
            "proposals": [
                {
                    "position": each.position,
                    "entropy": _figures(each.entropy),
                    "top": [[token, _figures(probability)] for token, probability in each.top],
                }
                for each in proposals
            ],
        }

    def _token(self, token: int) -> dict[str, Any]:
        """The token and its text; its bytes where they are not text of their own, and its name
        where it has neither."""
        self._spelled.add(token)
        data = self._words.piece(token)
        piece = data.decode("utf-8", "replace")
        told: dict[str, Any] = {"token": token, "piece": piece}
        if piece.encode() != data:
            told["bytes"] = data.hex()
        if not data:
            told["name"] = self._words.text(token)
        return told


def _infill(run: Run) -> dict[str, Any]:
    """Where the holes are, if it is a text with holes that is filled."""
    if not isinstance(run, InfillRun):
        return {}
    holes = run.holes
    told = {
        "kept": list(holes.kept),
        "holes": [list(span) for span in holes.spans],
        "absorbed": sorted(holes.absorbed),
        "unused": sorted(holes.unused),
        "probes": run.probes,
    }
    return {"infill": told}


def numbered(path: str | Path, number: int) -> Path:
    """The file of one of several runs: `run.jsonl` is `run-3.jsonl` for the third."""
    path = expanded(path)
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


def _figures(value: float) -> float | None:
    """A number with as many figures as anybody reads, of which there are many in a trace."""
    return float(f"{value:.5g}") if math.isfinite(value) else None


# ------------------------------------------------------------------------------------ reading


@dataclass(frozen=True)
class Recording:
    """A run that was read back; `Words` of it, too."""

    model: dict[str, Any]
    """Facts about the model, `name` and `kind` among them."""
    settings: dict[str, Any]
    seed: int
    total_steps: int | None
    mask_token: int | None
    end_tokens: frozenset[int]
    prompt_length: int
    canvas: tuple[int, ...]
    """As it began."""
    pieces: dict[int, bytes]
    """The bytes of each token that occurs."""
    names: dict[int, str]
    """What tokens without text are called."""
    steps: tuple[Step, ...]
    """Without their canvases, which `play` makes one after the other."""
    stop_reason: str
    """As the run ended; `interrupted` for a trace without an end."""
    flaw: str | None
    """What is missing of the file, in words."""
    holes: Holes | None = None
    """Of a text that was filled."""
    probes: int = 0
    """Forward evaluations before its first step."""

    @property
    def name(self) -> str:
        return self.model["name"]

    @property
    def has_proposals(self) -> bool:
        """Whether it is known what the model would have put at masked positions."""
        return self.has_masks and any(step.proposals for step in self.steps)

    @property
    def elapsed(self) -> float:
        return self.steps[-1].elapsed if self.steps else 0.0

    def play(self, before: Callable[[Step], bool] | None = None) -> Run:
        """The run once more: iterate it for the same events as when it was generated.

        `before` is called ahead of each step: it may wait, and ends the run by returning False.
        """
        job = Job(
            tokens=np.array(self.canvas, np.int32),
            prompt_length=self.prompt_length,
            mask_token=self.mask_token,
            seed=self.seed,
            total_steps=self.total_steps,
        )
        steps = self._replayed(before or (lambda step: True))
        if self.holes is None:
            return Run(job, steps, self, self.model, self.settings)
        told = (self.model, self.settings)
        return InfillRun(job, self.holes, steps, self, *told, probes=self.probes)

    def piece(self, token: int, /) -> bytes:
        return self.pieces[token]

    def text(self, token: int, /) -> str:
        return self.names.get(token, "")

    @property
    def has_masks(self) -> bool:
        return self.mask_token is not None

    def placed(self, step: Step) -> Iterator[tuple[int, int]]:
        """Positions that a step changed, with the tokens that it put there; a mask where it took
        one back."""
        for commit in step.commits:
            yield commit.position, commit.token
        for position in step.remasked:
            assert self.mask_token is not None  # a run without masks takes nothing back
            yield position, self.mask_token

    def texts(self) -> CanvasTexts:
        """Of the canvas as it began; `placed` tells what to put there."""
        return CanvasTexts(self.canvas, self.mask_token, self.piece)

    def _replayed(self, before: Callable[[Step], bool]) -> Iterator[Step]:
        canvas = np.array(self.canvas, np.int32)
        for step in self.steps:
            if not before(step):
                return
            canvas = np.append(canvas, np.zeros(_added(step, len(canvas)), np.int32))
            for position, token in self.placed(step):
                canvas[position] = token
            yield replace(step, canvas=canvas, settled=self._settled(step, canvas))

    def _settled(self, step: Step, canvas: NDArray[np.int32]) -> int | None:
        """As the step says, unless something is masked there."""
        if not self.has_masks:
            return len(canvas)
        masked = self.mask_token in canvas[self.prompt_length : step.settled or 0]
        return None if masked else step.settled


def _added(step: Step, length: int) -> int:
    """How many positions a step puts behind those that there are."""
    return max([0, *(commit.position + 1 - length for commit in step.commits)])


def read_trace(path: str | Path) -> Recording:
    """The run in a trace file, up to its last whole step.

    Raises TraceError for a file that is no trace, or is damaged before its end; UsageError for one
    that cannot be opened.
    """
    path = expanded(path)
    try:
        with path.open("rb") as file:
            return trace_from(file, str(path))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None


def trace_from(file: BinaryIO, name: str) -> Recording:
    """The same of a file that is open, or a pipe, of which messages speak by this name."""
    try:
        data = read_bounded(file, name, LONGEST_TRACE)
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from None
    return _Reader(name).read(data.split(b"\n"))


class _Reader:
    """Reads the records of one file, and remembers where it is for what it has to complain of."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.line = 0
        self.pieces: dict[int, bytes] = {}
        self.names: dict[int, str] = {}
        self.steps: list[Step] = []
        self.end: dict[str, Any] | None = None

    def read(self, lines: list[bytes]) -> Recording:
        # What stands behind the last newline was being written when the run was killed.
        records = self._records(lines[:-1])
        head = self._head(next(records, None))
        self.length, self.grows = len(head["canvas"]), head["mask_token"] is None
        self.generated = {i for i, t in enumerate(head["canvas"]) if t == head["mask_token"]}
        for record in records:
            self._take(record)
        return Recording(
            **head,
            pieces=self.pieces,
            names=self.names,
            steps=tuple(self.steps),
            stop_reason=self.end["stop_reason"] if self.end else "interrupted",
            flaw=self._flaw(),
        )

    def _records(self, lines: list[bytes]) -> Iterator[dict[str, Any]]:
        for self.line, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                record = None
            if not isinstance(record, dict):
                raise self._no_trace() if self.line == 1 else self._damaged("is no record")
            yield record

    def _flaw(self) -> str | None:
        if self.end is None:
            return "the trace is cut off"
        return "the run was interrupted" if self.end["stop_reason"] == "interrupted" else None

    def _no_trace(self) -> TraceError:
        return TraceError(f"{self.name} is no trace of a run: make one with generate --trace")

    def _damaged(self, why: str) -> TraceError:
        return TraceError(f"{self.name}: line {self.line} {why}: the trace is damaged")

    def _head(self, record: dict[str, Any] | None) -> dict[str, Any]:
        if record is None or record.get("format") != FORMAT:
            raise self._no_trace()
        if record.get("version") != VERSION:
            raise TraceError(
                f"{self.name} is a trace of version {_short(record.get('version'))}, "
                f"and this Hoshikage reads version {VERSION}: use the one that wrote it"
            )
        try:
            return self._read_head(record)
        except (LookupError, TypeError, ValueError) as error:
            raise self._damaged(f"cannot be understood ({_complaint(error)})") from None

    def _read_head(self, record: dict[str, Any]) -> dict[str, Any]:
        mask_token = _whole_or_none(record["mask_token"])
        cells = _items(record["canvas"], LONGEST_CANVAS)
        canvas = tuple(mask_token if cell is None else self._token(cell) for cell in cells)
        if None in canvas:
            raise ValueError("a masked position in a run without a mask token")
        model = _object(record["model"])
        return {
            "model": {**model, "name": _text(model["name"]), "kind": _text(model["kind"])},
            "settings": _object(record["settings"]),
            "seed": _whole(record["seed"], 2**64),
            "total_steps": _whole_or_none(record["steps"]),
            "mask_token": mask_token,
            "end_tokens": frozenset(_whole(token) for token in _items(record["end_tokens"])),
            "prompt_length": _whole(record["prompt_length"], len(canvas)),
            "canvas": canvas,
            **_filled(record.get("infill"), len(canvas)),
        }

    def _take(self, record: dict[str, Any]) -> None:
        try:
            if record.get("record") == "step":
                self.steps.append(self._step(record))
            elif record.get("record") == "end":
                self.end = {"stop_reason": _text(record["stop_reason"])}
        except (LookupError, TypeError, ValueError) as error:
            raise self._damaged(f"cannot be understood ({_complaint(error)})") from None

    def _step(self, record: dict[str, Any]) -> Step:
        block = record["block"]
        for item in _items(record.get("tokens", [])):
            self._token(item)
        return Step(
            index=_whole(record["index"]),
            total=_whole_or_none(record["total"]),
            commits=tuple(self._commit(item) for item in _items(record["commits"])),
            canvas=np.empty(0, np.int32),
            masked=_whole(record["masked"]),
            block=None if block is None else (_whole(block[0]), _whole(block[1])),
            positions_decoded=_whole(record["positions_decoded"]),
            nfe=_whole(record["nfe"]),
            elapsed=_number(record["elapsed"]),
            proposals=self._proposals(record.get("proposals")),
            remasked=tuple(self._remasked(record)),
            settled=_whole_or_none(record.get("settled")),
        )

    def _proposals(self, found: Any) -> tuple[Candidates, ...] | None:
        """After the commits, which may have spelled tokens and made the canvas longer."""
        return None if found is None else tuple(map(self._candidates, _items(found)))

    def _candidates(self, item: Any) -> Candidates:
        return Candidates(
            position=_whole(item["position"], self.length - 1),
            entropy=_number_or_nan(item["entropy"]),
            top=tuple(self._candidate(*_items(pair, 2)) for pair in _items(item["top"])),
        )

    def _candidate(self, token: Any, probability: Any) -> tuple[int, float]:
        if _whole(token) not in self.pieces:
            raise ValueError(f"token {token} was not spelled before")
        if probability is not None and _number(probability) > 1:
            raise ValueError(f"{_short(probability)} is no probability")
        return token, _number_or_nan(probability)

    def _remasked(self, record: dict[str, Any]) -> Iterator[int]:
        """Positions that were taken back: each was masked at first, and not committed as well."""
        taken = {item["position"] for item in record["commits"]}
        for item in _items(record.get("remasked", []), self.length):
            position = _whole(item)
            if position not in self.generated or position in taken:
                raise ValueError(f"position {position} cannot have been taken back")
            taken.add(position)
            yield position

    def _commit(self, item: Any) -> Commit:
        sure, other, before = item["confidence"], item["runner_up"], item.get("replaced")
        position = _whole(item["position"], self.length - (not self.grows))
        # An autoregressive run appends, so its canvas grows under the commits.
        self.length = max(self.length, position + 1)
        return Commit(
            position=position,
            token=self._token(item),
            confidence=_number_or_nan(sure),
            runner_up=None if other is None else self._token(other),
            replaced=None if before is None else self._token(before),
        )

    def _token(self, item: Any) -> int:
        token = _whole(item["token"])
        piece = item.get("bytes")
        data = _text(item["piece"]).encode("utf-8", "replace")
        self.pieces[token] = data if piece is None else bytes.fromhex(_text(piece))
        if "name" in item:
            self.names[token] = _text(item["name"])
        return token


def _filled(found: Any, length: int) -> dict[str, Any]:
    """Where holes are on a canvas of this length, with a text before and after each."""
    if found is None:
        return {}
    spans = [(_whole(a, length), _whole(b, length)) for a, b in _items(found["holes"], length)]
    borders = [0, *(border for span in spans for border in span)]
    kept = tuple(map(_text, _items(found["kept"])))
    if borders != sorted(borders) or len(kept) != len(spans) + 1:
        raise ValueError("holes that are not in order, or without a text around each")
    absorbed = frozenset(map(_whole, _items(found["absorbed"])))
    unused = frozenset(map(_whole, _items(found["unused"])))
    holes = Holes(kept, tuple(spans), absorbed, unused)
    return {"holes": holes, "probes": _whole(found["probes"])}


def _whole(value: Any, highest: int = LARGEST) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= highest:
        raise ValueError(f"{_short(value)} is no whole number from 0 to {highest}")
    return value


def _whole_or_none(value: Any) -> int | None:
    return None if value is None else _whole(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
        raise ValueError(f"{_short(value)} is no number from 0")
    return float(value)


def _number_or_nan(value: Any) -> float:
    return math.nan if value is None else _number(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{_short(value)} is no text")
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{_short(value)} is no object")
    return value


def _items(value: Any, most: int = LARGEST) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"{_short(value)} is no list, or too long a one")
    return value


def _short(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= 40 else f"{said[:39]}…"


def _complaint(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
