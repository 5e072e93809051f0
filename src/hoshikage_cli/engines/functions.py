"""Functions of users in the loop: what they raise and return is told in one line."""

from __future__ import annotations

import operator
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..decoding.view import Decision, View
from ..errors import RunError
from ..settings.declared import declarations
from ..settings.function import Function


class FunctionError(RunError):
    """A function of the user's that failed, or returned what cannot be used."""


class Unusable(Exception):
    """What was returned, and what is expected instead, in words."""


def checked(name: str, function: Function) -> Callable[..., Any]:
    """The function that stands for the setting `name`, called with arrays that it cannot change;
    raises FunctionError."""
    label, check = f"{declarations()[name].flag} {function}", CHECKS[name]

    def call(*arguments: Any) -> Any:
        for view in [each for each in arguments if isinstance(each, View)]:
            _lock(view)
        try:
            answer = function(*arguments)
        except Exception as error:
            raise FunctionError(f"{label}: {_told(error, function)}") from error
        try:
            return check(answer, *arguments)
        except Unusable as problem:
            raise FunctionError(f"{label} returned {problem}") from None

    return call


def _lock(view: View) -> None:
    """What a function of the user's reads, the loop reads after it."""
    for array in (*vars(view).values(), *vars(view.proposal).values()):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False


def _told(error: Exception, function: Function) -> str:
    """What was raised, and where: the last line of the user's own file that it went through."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    code = getattr(function.function, "__code__", None)
    own = [frame for frame in frames if code and frame.filename == code.co_filename] or frames
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    lines = str(error).splitlines()
    return f"{type(error).__name__}{f': {lines[0]}' if lines else ''}{where}"


# ------------------------------------------------------------------- what functions return


def _scores(answer: Any, view: View) -> NDArray[np.float64]:
    count = len(view.positions)
    wanted = f"expected a number for each position, shape ({count},)"
    scores = _array(answer, wanted)
    if scores.shape != (count,) or scores.dtype.kind not in "biuf":
        raise Unusable(f"{_described(scores)}: {wanted}")
    scores = scores.astype(np.float64)
    if np.isnan(scores).any():
        raise Unusable(f"NaN at index {int(np.isnan(scores).argmax())}: {wanted}")
    return scores


def _flags(answer: Any, view: View) -> NDArray[np.bool_]:
    count = len(view.positions)
    wanted = f"expected True or False for each position, shape ({count},)"
    flags = _array(answer, wanted)
    if flags.shape != (count,) or flags.dtype != bool:
        raise Unusable(f"{_described(flags)}: {wanted}")
    return flags


def _quota(answer: Any, *_: Any) -> int:
    wanted = "expected a whole number from 0"
    try:
        quota = operator.index(answer)
    except TypeError:
        raise Unusable(f"{_short(answer)}: {wanted}") from None
    if quota < 0:
        raise Unusable(f"{quota}: {wanted}")
    return quota


def _decision(answer: Any, view: View) -> Decision:
    if not isinstance(answer, Decision):
        raise Unusable(f"{_short(answer)}: expected a Decision")
    commit, remask = (
        _indices(getattr(answer, part), part, len(view.positions)) for part in ("commit", "remask")
    )
    chosen = np.concatenate([commit, remask[~view.masked[remask]]])
    values, counts = np.unique(chosen, return_counts=True)
    if (counts > 1).any():
        raise Unusable(
            f"index {int(values[counts.argmax()])} twice: a step decides about each position once"
        )
    return Decision(commit, remask)


def _indices(answer: Any, part: str, count: int) -> NDArray[np.int64]:
    wanted = f"expected indices from 0 to {count - 1}"
    indices = _array(answer, wanted)
    if indices.size == 0:
        return np.empty(0, np.int64)
    if indices.dtype == bool:
        wanted += "; np.flatnonzero makes them of flags"
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        raise Unusable(f"{part} with {_described(indices)}: {wanted}")
    outside = indices[(indices < 0) | (indices >= count)]
    if len(outside):
        raise Unusable(f"{part} with {outside[0]}: {wanted}")
    return indices.astype(np.int64)


def _array(answer: Any, wanted: str) -> NDArray[Any]:
    """An array of what was returned; of None and the like, one without dimensions."""
    try:
        return np.asarray(answer)
    except (TypeError, ValueError):
        raise Unusable(f"{_short(answer)}: {wanted}") from None


def _described(array: NDArray[Any]) -> str:
    if array.ndim == 0:
        return _short(array.item())
    return f"{array.dtype} of shape {array.shape}"


def _short(answer: Any) -> str:
    """A number as it is, anything else by its type: its text may be long, or have an address."""
    plain = answer is None or isinstance(answer, (bool, int, float, np.number))
    return str(answer) if plain else f"an object of type {type(answer).__name__}"


CHECKS: dict[str, Callable[..., Any]] = {
    "algorithm": _scores,
    "schedule": _quota,
    "rule": _flags,
    "step": _decision,
}
"""By the setting that a function stands for."""
