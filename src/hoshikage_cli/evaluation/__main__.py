"""lm-eval's own command line, in which `--model hoshikage` is known: `hoshikage-eval`.

An lm-eval that looks for models in installed packages finds ours by itself; one that does not (0.4)
is told here.
"""

from __future__ import annotations

import sys

from ..cli.errors import report
from ..errors import HoshikageError, UsageError

NAME = "hoshikage"


def main() -> int:
    """The program. Our own errors are a line each, as in `hoshikage`; the rest is lm-eval's."""
    try:
        evaluate()
    except HoshikageError as error:
        return report(error, [])
    return 0


def evaluate() -> None:
    try:
        from lm_eval.__main__ import cli_evaluate
        from lm_eval.api.registry import MODEL_REGISTRY, register_model
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "lm_eval":
            raise
        raise UsageError("lm-eval is not installed: pip install lm-eval") from None
    from .adapter import HoshikageLM

    if NAME not in MODEL_REGISTRY:
        register_model(NAME)(HoshikageLM)
    cli_evaluate()


if __name__ == "__main__":
    sys.exit(main())
