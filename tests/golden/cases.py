"""The runs. Each is small: a canvas of fewer than 64 positions of a model with random weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import cycle, product
from typing import Any

from hoshikage_cli.settings.declared import ALGORITHMS, alternatives

SCHEDULES = ({"schedule": "timestep"}, {"block_length": 8}, {"schedule": "linear"})
# With a window of its own, or else it would be the cheapest on this machine.
CACHES = (
    {},
    {"cache": "prefix"},
    {"cache": "dual", "cache_window": 12},
    {"cache": "active", "cache_window": 10},
)
GUIDANCE = (0.0, 1.5)
# In this order, which the committed traces have. A new architecture gets cases of its own below:
# here it would give the others another model.
DIFFUSION_MODELS = ("llada", "dream", "llada-moe", "rnd1", "llada-ending")

EXTRAS = (
    {},
    {"temperature": 0.7},
    {"temperature": 1.0, "top_k": 20},
    {"temperature": 1.0, "top_p": 0.8},
    {"temperature": 0.9, "gumbel": True},
    {"alg_temp": 0.5},
    {"threshold": 0.6},
    {"factor": 1.0},
    {"entropy_bound": 0.5},
    {"eos_policy": "suppress"},
    {"eos_policy": "last"},
    {"temperature": 1.0, "confidence": "clean"},
    {"temperature": 1.0, "confidence": "sampled"},
)
RULES = alternatives()["parallel rule"]
STEPS = (12, 0, 24, 5)
PROMPTS = ("the kite", "What is seven and eight?", "red, then")


@dataclass(frozen=True)
class Case:
    """A run, or several at once."""

    name: str
    """Of the case and of its file."""
    model: str
    """Key of `recording.MODELS`."""
    way: str
    """How it is run: `answer`, `infill` or `many`."""
    prompts: tuple[str, ...]
    """One, or the jobs of `many`."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Option names, as the Python API takes them."""
    each: tuple[dict[str, Any], ...] = ()
    """Settings of each job of `many`, above the others."""


def covering() -> list[Case]:
    """A third of algorithm × schedule × cache × guidance: all pairs, and all triples but
    (algorithm, schedule, cache). The other options take turns."""
    turns = zip(cycle(EXTRAS), cycle(STEPS), cycle(PROMPTS), cycle(DIFFUSION_MODELS), strict=False)
    found = []
    for (a, s, c), guidance in product(
        product(range(len(ALGORITHMS)), range(3), range(4)), GUIDANCE
    ):
        if (a + s + c) % 3 == 0:
            choice = {"algorithm": ALGORITHMS[a], **SCHEDULES[s], **CACHES[c]}
            found.append(_covering_case(len(found), choice, guidance, *next(turns)))
    return found


def _covering_case(
    number: int,
    choice: dict[str, Any],
    guidance: float,
    extra: dict[str, Any],
    steps: int,
    prompt: str,
    model: str,
) -> Case:
    schedule = choice.get("schedule", "block")
    if choice["algorithm"] == "origin":  # decides by itself, and takes no rule beside it
        extra = {name: value for name, value in extra.items() if name not in RULES}
    words = [choice["algorithm"], schedule, choice.get("cache", ""), "guided" if guidance else ""]
    name = "-".join(word for word in (f"{number:02}", *words, *extra) if word)
    settings = {**choice, "cfg_scale": guidance, **extra, "steps": steps, "max_tokens": 24}
    return Case(name, model, "answer", (prompt,), {**settings, "seed": number + 40})


SPECIAL = (
    Case("cache-refresh", "llada", "answer", ("the kite",), {
        "block_length": 16, "cache": "dual", "cache_window": 16, "cache_refresh": 2,
        "max_tokens": 32, "steps": 32, "seed": 1,
    }),
    Case("eps", "dream", "answer", ("the kite",), {
        "eps": 0.2, "max_tokens": 16, "steps": 8, "seed": 2,
    }),
    Case("max-length", "llada", "answer", ("the kite",), {
        "max_length": 30, "steps": 6, "seed": 3,
    }),
    Case("fast", "llada", "answer", ("the kite",), {
        "fast": True, "cache_window": 16, "max_tokens": 40, "seed": 4,
    }),
    Case("ending-natural", "llada-ending", "answer", ("the kite",), {
        "block_length": 8, "max_tokens": 32, "steps": 0, "seed": 5,
    }),
    Case("ending-last", "llada-ending", "answer", ("the kite",), {
        "eos_policy": "last", "algorithm": "entropy", "max_tokens": 32, "steps": 0, "seed": 6,
    }),
    Case("ending-suppress", "llada-ending", "answer", ("the kite",), {
        "eos_policy": "suppress", "algorithm": "margin", "max_tokens": 32, "steps": 16, "seed": 7,
    }),
    Case("infill-tokens", "llada", "infill", ("the[MASK]red[MASK]kite",), {"steps": 0, "seed": 1}),
    Case("infill-spans", "dream", "infill", ("the [MASK:8] is [MASK:5].",), {
        "steps": 7, "temperature": 0.8, "seed": 2,
    }),
    Case("infill-block-guided", "llada-moe", "infill", ("a [MASK:9] b\n[MASK:7]",), {
        "block_length": 6, "cache": "prefix", "cfg_scale": 1.0, "steps": 0, "seed": 3,
    }),
    Case("autoregressive-greedy", "llama", "answer", ("the kite",), {
        "temperature": 0, "max_tokens": 24, "seed": 1,
    }),
    Case("autoregressive-sampled", "llama", "answer", ("the kite",), {"max_tokens": 24, "seed": 2}),
    Case("autoregressive-repeat-penalty", "llama", "answer", ("the kite",), {
        "temperature": 0, "repeat_penalty": 1.5, "max_tokens": 24, "seed": 3,
    }),
    Case("many-samples", "llada", "many", ("the kite",) * 5, {
        "temperature": 1.0, "max_tokens": 20, "steps": 7,
    }, tuple({"seed": seed} for seed in range(5))),
    Case("many-samples-autoregressive", "llama", "many", ("the kite",) * 3, {"max_tokens": 20},
         tuple({"seed": seed} for seed in range(3))),
    Case("many-prompts", "dream", "many", (*PROMPTS, "so", *PROMPTS[:2]), {
        "temperature": 0.5, "block_length": 8, "cache": "dual", "cache_window": 16, "steps": 0,
    }, tuple({"seed": seed, "max_tokens": 12 + 3 * seed} for seed in range(6))),
    Case("many-unlike", "llada", "many", (*PROMPTS, *PROMPTS), {
        "temperature": 0.5, "steps": 9,
    }, (
        {"seed": 1, "max_tokens": 16, "cfg_scale": 1.5},
        {"seed": 2, "max_tokens": 16},
        {"seed": 3, "max_tokens": 16, "cfg_scale": 0.5},
        {"seed": 4, "max_tokens": 16, "cache": "prefix", "schedule": "timestep"},
        {"seed": 5, "max_length": 8},
        {"seed": 6, "max_length": 30},
    )),
)  # fmt: skip

CASES = {case.name: case for case in (*covering(), *SPECIAL)}
