"""`hoshikage --version`."""

from __future__ import annotations

from ... import __version__
from ...errors import NOT_BUILT
from ..exits import Exit
from ..streams import write


def version_lines() -> list[str]:
    """The package, and the llama.cpp it is bound to."""
    lines = [f"hoshikage {__version__}"]
    try:
        from ...llama.library import build_info

        info = build_info()
    except ImportError:
        return [*lines, NOT_BUILT]
    origin = "with our patches" if info.vendored else "installed separately"
    lines.append(f"llama.cpp {info.llama_version}, commit {info.llama_commit}, {origin}")
    lines.append(f"backends: {', '.join(info.backends)}")
    return lines


def print_version() -> int:
    write("\n".join(version_lines()) + "\n")
    return Exit.OK
