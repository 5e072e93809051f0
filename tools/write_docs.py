"""Write what the documentation takes from the program: `write_docs.py`, with `--check` or `--runs`.

docs/reference.md, the man page and schemas are made from the declarations that `--help` is made
from. With --runs, what the commands between `<!-- run: … -->` and `<!-- end -->` print is put in
again, which takes a model.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from hoshikage_cli.models.published import Published, published
from manual import man_page, reference
from schemas import schemas

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RUNS = tuple(ROOT / name for name in ("README.md", "docs/diffusion.md", "docs/research.md"))
RUN = re.compile(r"<!-- run: (?P<command>.*?) -->\n.*?<!-- end -->", re.DOTALL)

# -------------------------------------------------------------------------------------- runs


def with_runs(text: str) -> str:
    """The text with what its commands print now."""
    return RUN.sub(lambda match: run_block(match["command"]), text)


def run_block(command: str) -> str:
    program = f'hoshikage() {{ "{sys.executable}" -m hoshikage_cli "$@"; }}; '
    with tempfile.TemporaryDirectory() as config:
        done = subprocess.run(
            ["bash", "-c", program + command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(config),
            text=True,
            check=True,
        )
    shown = f"$ {command}\n{done.stdout.rstrip()}"
    return f"<!-- run: {command} -->\n```console\n{shown}\n```\n<!-- end -->"


def environment(config: str) -> dict[str, str]:
    """This one without what a user has set: examples are of the defaults."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("HOSHIKAGE_", "DIFFUSION_"))}
    return {**kept, "XDG_CONFIG_HOME": config, "COLUMNS": "80", "OMP_WAIT_POLICY": "passive"}


def made() -> dict[Path, str]:
    """Whole files that follow from the declarations."""
    models = DOCS / "models.md"
    pages = {DOCS / "reference.md": reference(), DOCS / "hoshikage.1": man_page()}
    return pages | schemas() | {models: with_models(models.read_text(encoding="utf-8"))}


# ------------------------------------------------------------------------------------ models

TABLE = re.compile(r"<!-- models -->\n.*?<!-- end -->", re.DOTALL)


def with_models(text: str) -> str:
    """The text with the table of those that can be pulled."""
    rows = ["| name | good for | Q8_0 | Q4_K_M | licence | it is fetched by | settings, from |"]
    rows.append("|" + " --- |" * 7)
    rows += ["| " + " | ".join(cells_of(model)) + " |" for model in published().values()]
    table = "\n".join(["<!-- models -->", *rows, "<!-- end -->"])
    return TABLE.sub(lambda match: table, text)


def cells_of(model: Published) -> list[str]:
    command = f"hoshikage pull {model.name}" + ("" if model.gguf else " --convert Q8_0")
    flags = " ".join(f"--{k.replace('_', '-')} {v}" for k, v in model.settings.items())
    settings = f"`{flags}`: {model.source}" if flags else f"those of `{model.family}`"
    sizes = (f"{model.gigabytes(bits):.1f} GB" for bits in (8.5, 4.9))
    return [f"`{model.name}`", model.told, *sizes, model.licence, f"`{command}`", settings]


def main() -> int | str:
    for path, text in made().items():
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            return f"{path.relative_to(ROOT)} is not current: make docs"
    if "--runs" in sys.argv:
        for path in RUNS:
            path.write_text(with_runs(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
