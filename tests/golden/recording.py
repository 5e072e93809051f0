"""Makes the runs, and writes down what came out without what differs from one time to the next."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import hoshikage_cli as hk
import random_model
from random_models import RandomModels

from .cases import CASES, Case

TRACES = Path(__file__).parent / "traces"
# Peaked, so that no choice hangs on the last bit of a logit; single precision for the same reason.
SCALE = 4.0
# A token that the ending model likes, so that its answers end before the canvas does.
FULL_STOP = ord(".")
ENDING = "llada-ending"
MODELS: dict[str, dict[str, Any]] = {
    **{arch: {"arch": arch} for arch in random_model.ARCHITECTURES},
    ENDING: {"arch": "llada", "seed": 1},
}


class Recorder:
    """Loads each model once, and keeps it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = RandomModels(folder)
        self._generators: dict[str, hk.Generator] = {}

    def close(self) -> None:
        for generator in self._generators.values():
            generator.close()

    def record(self, case: Case) -> str:
        """The lines of a case."""
        ways = {"answer": self._trace, "infill": self._filling, "many": self._results}
        lines = ways[case.way](case)
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)

    def _generator(self, model: str) -> hk.Generator:
        if model not in self._generators:
            self._generators[model] = hk.load(self._write(model), threads=1)
        return self._generators[model]

    def _write(self, model: str) -> Path:
        vocabulary = random_model.byte_vocabulary()
        if model == ENDING:
            vocabulary = replace(vocabulary, eos=FULL_STOP)
        shape = {"logit_scale": SCALE, **MODELS[model]}
        return self._files(name=model, vocabulary=vocabulary, **shape)

    def _trace(self, case: Case) -> list[dict[str, Any]]:
        """The trace of one run, as `--trace` writes it."""
        generator, path = self._generator(case.model), self._folder / "trace.jsonl"
        run = generator.stream(case.prompts[0], **case.settings)
        with hk.TraceWriter(path) as writer:
            writer.begin(run)
            for event in run:
                writer.step(event)
            writer.end(run.result())
        return [_still(json.loads(line), case) for line in path.read_text("utf-8").splitlines()]

    def _filling(self, case: Case) -> list[dict[str, Any]]:
        """The steps of filling holes, and the result."""
        run = self._generator(case.model).stream_infill(case.prompts[0], **case.settings)
        steps = [_filling_step(event) for event in run]
        result = run.result()
        return [*steps, {**_outcome(result), "holes": result.to_dict()["holes"]}]

    def _results(self, case: Case) -> list[dict[str, Any]]:
        """What came of each job, in the order of the jobs."""
        generator = self._generator(case.model)
        jobs = [
            (prompt, generator.resolve(**case.settings, **own))
            for prompt, own in zip(case.prompts, case.each, strict=True)
        ]
        found = sorted(generator.generate_many(jobs, at_once=3), key=lambda item: item[0])
        return [{"job": i, **_outcome(result)} for i, result in found]


def _still(record: dict[str, Any], case: Case) -> dict[str, Any]:
    """A record of a trace without clocks; of the settings those that the case gives, so that a new
    option changes no case."""
    for clock in ("hoshikage", "started", "elapsed", "timings"):
        record.pop(clock, None)
    if "settings" in record:
        given = record["settings"]
        record["settings"] = {name: given[name] for name in given if name in case.settings}
    return record


def _filling_step(event: Any) -> dict[str, Any]:
    commits = [(c.position, c.token) for c in event.step.commits]
    return {"index": event.step.index, "text": event.text, "nfe": event.nfe, "commits": commits}


def _outcome(result: Any) -> dict[str, Any]:
    if isinstance(result, hk.HoshikageError):
        return {"error": str(result)}
    names = ("text", "tokens", "steps", "nfe", "prompt_tokens", "completion_tokens", "stop_reason")
    return {name: getattr(result, name) for name in names} | {"seed": result.seed}


def file_of(case: Case) -> Path:
    return TRACES / f"{case.name}.jsonl"


def write_all(folder: Path) -> None:
    """Write every trace anew, and remove those of cases that are no more."""
    recorder = Recorder(folder)
    TRACES.mkdir(exist_ok=True)
    for left in set(TRACES.iterdir()) - {file_of(case) for case in CASES.values()}:
        left.unlink()
    for case in CASES.values():
        file_of(case).write_text(recorder.record(case), encoding="utf-8", newline="\n")
    recorder.close()
