"""Reading and showing the value of an option."""

from __future__ import annotations

from typing import Any

from ..errors import SettingsError, did_you_mean, quoted
from .declared import FUNCTION, declarations
from .function import Function, named
from .option import FALSE_WORDS, TRUE_WORDS, Declaration


def parse(known: Declaration, given: Any, label: str) -> Any:
    """`given`, text or a value, as the option's type. Raises SettingsError that begins `label`."""
    if known.repeated:
        return _texts(known, given, label)
    if known.option.takes and (callable(given) or ":" in str(given) or not known.option.choices):
        return _function(known, given, label)
    read = {"int": _integer, "float": _number, "bool": _truth, "str": _text}[known.type]
    value = _choice(known, given, label) if known.option.choices else read(known, given, label)
    if known.option.unset is not None and value == known.option.unset:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        _check_range(known, given, value, label)
    return value


def _integer(known: Declaration, given: Any, label: str) -> int:
    try:
        if isinstance(given, bool) or (isinstance(given, float) and given != int(given)):
            raise ValueError
        return int(given)
    except (TypeError, ValueError, OverflowError):
        raise _refused(known, given, label, "is not a whole number") from None


def _number(known: Declaration, given: Any, label: str) -> float:
    try:
        value = float(given)
    except (TypeError, ValueError, OverflowError):
        raise _refused(known, given, label, "is not a number") from None
    if isinstance(given, bool) or value != value or abs(value) == float("inf"):
        raise _refused(known, given, label, "is not a number")
    return value


def _truth(known: Declaration, given: Any, label: str) -> bool:
    word = _word(given)
    if word not in TRUE_WORDS + FALSE_WORDS:
        raise SettingsError(f"{label}: {quoted(given)} is neither yes nor no: give 1 or 0")
    return word in TRUE_WORDS


def _text(known: Declaration, given: Any, label: str) -> str:
    if isinstance(given, (bool, int, float, list, dict)):
        raise SettingsError(f"{label}: {quoted(given)} is not text: put it in quotation marks")
    return str(given)


def _word(given: Any) -> str:
    try:
        return str(given).strip().lower()
    except (ValueError, RecursionError):  # thousands of digits, or of brackets
        return ""


def _texts(known: Declaration, given: Any, label: str) -> tuple[str, ...]:
    """One text, or a list of them."""
    several = given if isinstance(given, (list, tuple)) else (given,)
    if "" in several:
        raise SettingsError(f"{label}: '' is no text: give at least one character")
    return tuple(_text(known, each, label) for each in several)


def _function(known: Declaration, given: Any, label: str) -> Function:
    """A function itself: text never becomes one here, whatever file it stands in."""
    if callable(given):
        return named(given, known.option.takes, label)
    if ":" in str(given):
        raise SettingsError(
            f"{label}: {quoted(given)} would run code, which only a flag and Python may: "
            f"give {known.flag} {FUNCTION} on the command line"
        )
    others = [d.flag for d in declarations().values() if d != known]
    guess = did_you_mean(known.flag, others, 0.8)
    raise SettingsError(f"{label}: {quoted(given)} is no function: give {FUNCTION}{guess}")


def _choice(known: Declaration, given: Any, label: str) -> str | None:
    choices = known.option.choices
    word = _word(given)
    if known.option.bare and word in TRUE_WORDS + FALSE_WORDS:
        return known.option.bare if word in TRUE_WORDS else None
    numbers = {str(i): name for i, name in enumerate(choices)} if known.option.numbered else {}
    if word in numbers:
        return numbers[word]
    if word in choices:
        return word
    names = [f"{i} {name}" for i, name in enumerate(choices)] if known.option.numbered else choices
    listed = f"{', '.join(names[:-1])} or {names[-1]}"
    raise SettingsError(
        f"{label}: {quoted(given)} is unknown: choose {listed}{did_you_mean(word, choices)}"
    )


def _check_range(known: Declaration, given: Any, value: float, label: str) -> None:
    facts = known.option
    low = (facts.minimum is not None and value < facts.minimum) or (
        facts.above is not None and value <= facts.above
    )
    # llama.cpp counts in 32 bits, so that is the limit where nothing closer is declared.
    highest = 2**31 - 1 if facts.maximum is None else facts.maximum
    if low or value > highest:
        raise _refused(known, given, label, "is out of range")


def _refused(known: Declaration, given: Any, label: str, why: str) -> SettingsError:
    return SettingsError(f"{label}: {quoted(given)} {why}: give {allowed_range(known)}")


def allowed_range(known: Declaration) -> str:
    """The range in words: `a whole number from 0 to 100`."""
    facts = known.option
    words = ["a whole number" if known.type == "int" else "a number"]
    if facts.above is not None:
        words.append(f"above {facts.above:g}")
    if facts.minimum is not None:
        words.append(f"from {facts.minimum:g}")
    if facts.maximum is not None:
        between = "up to" if facts.minimum is None else "to"
        words.append(f"{between} {plain_number(facts.maximum)}")
    unset = f", or {facts.unset}" if facts.unset is not None else ""
    return " ".join(words) + unset


def plain_number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"


def show(known: Declaration, value: Any) -> str:
    """A value as a user would type it; numbered choices with their number in front."""
    if value is None or value == ():
        return known.option.none
    if known.repeated:
        return ", ".join(map(repr, value))
    if known.option.numbered and not isinstance(value, Function):
        return f"{known.option.choices.index(value)} ({value})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
