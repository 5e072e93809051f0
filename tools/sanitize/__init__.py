"""Our C under AddressSanitizer and UndefinedBehaviorSanitizer.

    make sanitize

compiles the binding a second time, into a folder of its own, and runs the tests of our C on it: the
first step out of bounds, or into what C leaves undefined, ends them.
"""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "build" / "sanitize"
BINDING = FOLDER / "hoshikage_cli" / "llama" / "_native.so"
"""What is compiled, and where cffi puts it."""
