"""`hoshikage doctor`: what this installation is, how fast it is, and what is amiss."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from ... import __version__
from ...display.figures import counted, duration
from ...errors import HoshikageError, not_built
from ...files import cache_folder
from ...models.catalogue import DEFAULT_MODEL
from ...models.registry import aliases_path, folders, known_models
from ...settings.declared import alternatives
from ...settings.file import config_path
from ...settings.variables import unknown_variables
from ..exits import Exit
from ..line_editor import history_path
from ..options import RUN, Typed, with_settings
from ..output import write_json
from ..setup import GPU_BUILD, Setup, choose, display_for, gpus, load_model
from ..signals import on_screen, run_through
from ..streams import write
from .inspect import scaled

EXAMPLES = """\b
Examples:
  hoshikage doctor
  hoshikage doctor -m llada-8b.gguf -n 256 --fast
  hoshikage doctor --json | jq .timed.answer
"""

PROMPT = "Tell a story about Mia and a kite."
TIMED_STEPS = 4
"""Of an answer; the first one, which reads the weights, is not counted."""


@with_settings(*RUN, "canvas", "json")
def doctor(**flags: Typed) -> int:
    """Tell what is built and where things are, time a pass of the model, and say what is amiss.

    The exit code is 1 where something is amiss, with a line that says what to do.
    """
    amiss: list[str] = []
    library = library_facts(amiss)
    setup = settled(flags, amiss)
    told = {
        "hoshikage": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "library": library,
        "machine": machine_facts(setup),
        "paths": paths(amiss),
        "model": model_facts(setup) if setup else None,
        "timed": timed(setup, amiss) if setup and library else None,
        "amiss": amiss,
    }
    told["hints"] = list(hints(told, setup))
    if flags.get("json") or (setup and setup.output.json):
        write_json(told)
    else:
        write("".join(f"{line}\n" for line in in_words(told)))
    return Exit.FAILED if amiss else Exit.OK


# ------------------------------------------------------------------------------ what there is


def library_facts(amiss: list[str]) -> dict[str, Any] | None:
    """What is built; None, and a line in `amiss`, where nothing is."""
    try:
        from ...llama.library import build_info, devices, features, kernels
    except ImportError as error:
        amiss.append(not_built(error) or str(error))
        return None
    info, has = build_info(), features()
    return {
        "version": info.llama_version,
        "commit": info.llama_commit,
        "vendored": info.vendored,
        "backends": list(info.backends),
        "devices": devices(),
        "kernels": kernels(info, has),
        "features": sorted(has),
    }


def settled(flags: Mapping[str, Typed], amiss: list[str]) -> Setup | None:
    """The model and settings that a run would have; None, and why, where it would be refused."""
    amiss += unknown_variables(os.environ)
    try:
        setup = choose(flags)
    except HoshikageError as error:
        amiss.append(str(error))
        return None
    amiss += setup.idle
    return setup


def machine_facts(setup: Setup | None) -> dict[str, Any]:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    asked = setup.settings.model.threads if setup else None
    return {
        "processors": available,
        "threads": asked or available,
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "memory_bytes": free_memory(),
    }


def free_memory() -> int | None:
    """Bytes that programs can have; None where the system does not say it in Linux's way."""
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        line = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(line.split()[1]) * 1024
    return None


def paths(amiss: list[str]) -> dict[str, Any]:
    cache = cache_folder()
    there = next(folder for folder in (cache, *cache.parents) if folder.exists())
    if not os.access(there, os.W_OK):
        amiss.append(
            f"cannot write into {cache}: what a pass costs is measured in every run; "
            "set XDG_CACHE_HOME to a folder of yours"
        )
    return {
        "package": str(Path(__file__).parents[2]),
        "config": str(config_path(os.environ)),
        "names": str(aliases_path()),
        "models": [str(folder) for folder in folders(os.environ)],
        "cache": str(cache),
        "history": str(history_path()),
    }


def model_facts(setup: Setup) -> dict[str, Any]:
    header = setup.header
    return {
        "name": setup.name or DEFAULT_MODEL,
        "path": str(header.path),
        "kind": header.kind,
        "family": header.family.name,
        "parameters": header.n_parameters,
        "size_bytes": header.path.stat().st_size,
    }


# ------------------------------------------------------------------------------ how fast it is


def timed(setup: Setup, amiss: list[str]) -> dict[str, Any] | None:
    """Seconds of the first steps of an answer, and what a whole one would take."""
    try:
        with on_screen(display_for(setup)) as display, load_model(setup, display) as generator:
            run = generator.start(PROMPT, setup.resolved)
            length = len(run.canvas) - run.prompt_length
            steps: list[Any] = []
            run_through(islice(run, TIMED_STEPS), lambda event: steps.append(event.step))
            load = generator.load_seconds
    except (HoshikageError, MemoryError) as error:
        amiss.append(str(error) or "not enough memory for the model: use a smaller one")
        return None
    if not steps:
        return None
    first, last = steps[0], steps[-1]
    step = (last.elapsed - first.elapsed) / (len(steps) - 1) if len(steps) > 1 else first.elapsed
    # A canvas takes no more steps than it has masked positions.
    total = min(filter(None, [run.total_steps, length])) if run.has_masks else run.total_steps
    return {
        "load": round(load, 3),
        "pass": round(step / max(1, last.nfe), 6),
        "positions": last.positions_decoded,
        "steps": total,
        "tokens": length if run.has_masks else total,
        "answer": None if total is None else round(first.elapsed + step * (total - 1), 3),
        "at_most": ends_early(setup) or not run.has_masks,
    }


def ends_early(setup: Setup) -> bool:
    """Whether a rule commits more than a step's share, so that there are fewer steps."""
    rules = alternatives()["parallel rule"]
    return any(setup.resolved.value(rule) is not None for rule in rules)


# ------------------------------------------------------------------------------- what to do


def hints(told: Mapping[str, Any], setup: Setup | None) -> list[str]:
    """What could be better, and how."""
    machine, model = told["machine"], told["model"]
    processors, free = machine["processors"], machine["memory_bytes"]
    found = []
    if machine["threads"] > processors:
        found.append(f"--threads {machine['threads']} on {processors} processors: give fewer")
    if machine["load"] is not None and machine["load"] > processors:
        found.append(f"the machine is busy (load {machine['load']}): times are longer than need be")
    if model and free is not None and model["size_bytes"] > free:
        found.append(
            f"{model['name']} is larger than the {gibibytes(free)} that are free: it is read from "
            "the disk again and again; use a smaller quantisation"
        )
    if told["library"] and setup:
        found += gpu_hints(setup)
    for gone in known_models(os.environ) if not told["amiss"] else ():
        if gone.path is None or not gone.path.exists():
            found.append(
                f"{gone.name} stands for no file any more: hoshikage models rm {gone.name}"
            )
    return found


def gpu_hints(setup: Setup) -> list[str]:
    layers, found = setup.settings.model.gpu_layers, gpus()
    if found and layers == 0:
        return [f"{found[0]} is not used: -ngl -1 keeps all layers on it"]
    if layers != 0 and not found:
        return [f"--gpu-layers has nothing to keep layers on: {GPU_BUILD}"]
    return []


# --------------------------------------------------------------------------------- in words


def in_words(told: Mapping[str, Any]) -> list[str]:
    rows = [("hoshikage", f"{told['hoshikage']}, Python {told['python']}, {told['system']}")]
    rows += library_rows(told["library"]) if told["library"] else []
    rows += machine_rows(told["machine"])
    rows += path_rows(told["paths"])
    rows += model_rows(told["model"], told["timed"]) if told["model"] else []
    rows += [("hint", line) for line in told["hints"]] + [("amiss", line) for line in told["amiss"]]
    if not told["amiss"]:
        rows.append(("amiss", "nothing"))
    width = max(len(name) for name, _ in rows)
    return [f"{name:{width}}  {value}" for name, value in rows]


def library_rows(library: Mapping[str, Any]) -> list[tuple[str, str]]:
    origin = "with our patches" if library["vendored"] else "installed separately"
    names = ", ".join(f"{name} ({what})" for name, what in library["devices"].items())
    return [
        ("llama.cpp", f"{library['version']}, commit {library['commit'][:12]}, {origin}"),
        ("backends", ", ".join(library["backends"])),
        ("devices", names),
        ("kernels", library["kernels"]),
        ("compiled for", ", ".join(library["features"])),
    ]


def machine_rows(machine: Mapping[str, Any]) -> list[tuple[str, str]]:
    load = "" if machine["load"] is None else f", load {machine['load']}"
    rows = [("threads", f"{machine['threads']} on {machine['processors']} processors{load}")]
    if machine["memory_bytes"] is not None:
        rows.append(("memory", f"{gibibytes(machine['memory_bytes'])} free"))
    return rows


def path_rows(paths: Mapping[str, Any]) -> list[tuple[str, str]]:
    flat = {**paths, "models": os.pathsep.join(paths["models"])}
    return [
        (name, place if Path(place).exists() else f"{place} (not there)")
        for name, place in flat.items()
    ]


def model_rows(model: Mapping[str, Any], timed: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    size = f"{scaled(model['parameters'])} parameters, {model['size_bytes'] / 2**20:.1f} MiB"
    rows = [("model", f"{model['name']}: {model['kind']} ({model['family']}), {size}")]
    if timed is None:
        return rows
    pass_ = f"{1000 * timed['pass']:.1f} ms for {counted(timed['positions'], 'position')}"
    rows.append(("a pass", f"{pass_}; loaded in {about(timed['load'])}"))
    if timed["answer"] is not None:
        asked = f"{counted(timed['tokens'], 'token')} in {counted(timed['steps'], 'step')}"
        bound = "at most" if timed["at_most"] else "about"
        rows.append(("an answer", f"{bound} {about(timed['answer'])}: {asked}"))
    return rows


def about(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else duration(seconds)


def gibibytes(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
