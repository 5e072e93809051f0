"""What a run leaves on stdout and on the terminal."""

from __future__ import annotations

import json

from ..display.plain import Silent
from ..generation.run import Result
from .streams import Answer, write


def print_result(
    result: Result, answer: Answer, as_json: bool, streamed: bool, display: Silent
) -> None:
    """The answer, or what of it has not been `streamed` yet, and the display's last word."""
    if streamed:
        answer.finish()
        display.finish(result)
        return
    # A display in place must be gone before text reaches the same terminal.
    display.finish(result)
    if as_json:
        write(json.dumps(result.to_dict(), ensure_ascii=False) + "\n")
        return
    answer.add(result.text)
    answer.finish()
