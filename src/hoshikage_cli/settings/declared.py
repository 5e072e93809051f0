"""Every option, declared once: name, flags, variable, default, range, help. Add an option here.

The command line, the resolution order, `--show-settings`, the Python API and the documentation all
read these declarations. `Option` tells what may be declared.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, fields
from functools import cache
from typing import Any

from ..llama.families import NAMED
from .option import Declaration, option

# `decoding` has tables of these names; they are repeated here since it takes numpy, for which
# --help and completion would have to wait. A test holds them equal.
ALGORITHMS = ("origin", "entropy", "margin", "random", "confidence")
SCHEDULES = ("timestep", "block", "linear")
"""These two by number as well, as llama-diffusion-cli and the variables of either count."""
PRESETS = ("llada-paper", "fast-dllm", "dream-paper", "sdar-static", "sdar-dynamic")
"""Those of presets.toml."""
CACHES = ("none", "prefix", "dual", "active")

MOST_TOLD = 20
"""Of the likeliest tokens of a position."""

VIEWS = ("tokens", "confidence", "order", "proposals")
PROPOSALS = VIEWS[-1]
FUNCTION = "MODULE:FUNCTION"
"""How code is named, on the command line alone."""

DIFFUSION = ("diffusion",)
BLOCK = ("block",)
DENOISED = DIFFUSION + BLOCK
"""Models that unmask: whole canvases, or blocks."""
AUTOREGRESSIVE = ("autoregressive",)

NO_DRAW: tuple[dict[str, tuple[Any, ...]], ...] = (
    {"gumbel": (True,)},
    {"temperature": (0.0,), "confidence": ("clean",)},
)
"""Where filters have no say in what is drawn, nor in how sure the model is."""


@dataclass(frozen=True)
class ModelSettings:
    model: str | None = option(
        None,
        "-m",
        "--model",
        metavar="NAME|FILE",
        none="the shipped demo model",
        help="GGUF file, a name that hoshikage models lists, or hf:owner/name[:QUANTISATION].",
        panel="Model",
    )
    family: str | None = option(
        None,
        "--family",
        metavar="NAME",
        choices=tuple(NAMED),
        none="auto",
        help="What the model is, if its file does not tell: sdar, fast-dllm-v2, llada2.1, …; none: "
        "autoregressive.",
        panel="Model",
    )
    gpu_layers: int = option(
        0,
        "-ngl",
        "--gpu-layers",
        "--n-gpu-layers",
        minimum=-1,
        help="Layers kept on the GPU; -1: all.",
        panel="Model",
    )
    repack: bool = option(
        True,
        "--repack",
        help="Lay weights out anew when they are loaded, for faster passes; without it the file "
        "stays mapped, and its memory can be shared.",
        panel="Model",
    )
    threads: int | None = option(
        None,
        "-t",
        "--threads",
        minimum=1,
        maximum=1024,
        none="auto",
        help="CPU threads; without it one per core.",
        panel="Model",
    )
    ctx_size: int | None = option(
        None,
        "-c",
        "--ctx-size",
        minimum=1,
        none="auto",
        help="Most tokens of prompt and answer; without it what the model was trained for.",
        panel="Model",
    )
    mask_token: int | None = option(
        None,
        "--mask-token",
        minimum=0,
        none="auto",
        kinds=DENOISED,
        help="Id of the mask token, if the vocabulary does not tell.",
        panel="Model",
    )
    shift_logits: bool | None = option(
        None,
        "--shift-logits",
        none="auto",
        kinds=DIFFUSION,
        help="The output row before a position predicts it (Dream, RND1); known from the model.",
        panel="Model",
    )


@dataclass(frozen=True)
class CanvasSettings:
    max_tokens: int | None = option(
        128,
        "-n",
        "--max-tokens",
        "--n-predict",
        "--predict",
        by_kind={"autoregressive": 512},
        minimum=1,
        one_of="length",
        help="Tokens to generate.",
        panel="Length",
    )
    max_length: int | None = option(
        None,
        "-ub",
        "--max-length",
        "--ubatch-size",
        minimum=2,
        one_of="length",
        help="Tokens of prompt and answer together (canvas length).",
        panel="Length",
    )
    stop: tuple[str, ...] = option(
        (),
        "--stop",
        metavar="TEXT",
        help="End the answer in front of this text; may be given again.",
        panel="Length",
    )


@dataclass(frozen=True)
class DiffusionSettings:
    preset: str | None = option(
        None,
        "--preset",
        choices=PRESETS,
        config=False,
        told=False,
        kinds=DENOISED,
        help="The settings of a paper, where no flag says otherwise.",
        panel="Diffusion",
    )
    steps: int = option(
        50,
        "--steps",
        "--diffusion-steps",
        env="DIFFUSION_STEPS",
        by_kind={"block": 0},
        minimum=0,
        maximum=1_000_000,
        kinds=DENOISED,
        help="Denoising steps, of a block where a model writes in blocks; 0: one token a step.",
        panel="Diffusion",
    )
    algorithm: str = option(
        "confidence",
        "--algorithm",
        "--diffusion-algorithm",
        env="DIFFUSION_ALGORITHM",
        choices=ALGORITHMS,
        takes=("view",),
        numbered=True,
        kinds=DENOISED,
        idle_beside="step",
        help="Which positions are unmasked first.",
        panel="Diffusion",
    )
    schedule: str = option(
        "timestep",
        "--schedule",
        "--diffusion-schedule",
        env="DIFFUSION_SCHEDULE",
        choices=SCHEDULES,
        takes=("step", "block", "masked", "eps"),
        numbered=True,
        kinds=DIFFUSION,
        help="How many are unmasked in each step.",
        panel="Diffusion",
    )
    eps: float = option(
        1e-3,
        "--eps",
        "--diffusion-eps",
        above=0,
        maximum=1,
        implies=("schedule", "timestep"),
        kinds=DIFFUSION,
        help="Where the timesteps end; implies --schedule timestep.",
        panel="Diffusion",
    )
    block_length: int = option(
        32,
        "--block-length",
        "--diffusion-block-length",
        minimum=1,
        implies=("schedule", "block"),
        kinds=DENOISED,
        help="Positions in a block; implies --schedule block.",
        panel="Diffusion",
    )
    sub_block: int | None = option(
        None,
        "--sub-block",
        minimum=1,
        unset=0,
        kinds=BLOCK,
        help="Fill a block in parts of so many positions, one after the other; 0: as a whole.",
        panel="Diffusion",
    )
    block_cache: bool = option(
        False,
        "--block-cache",
        kinds=BLOCK,
        idle_with=({"sub_block": (None, 0)},),
        help="Compute a block as a whole only when a part of it is begun, and then that part alone "
        "(Fast-dLLM v2): cheaper, not exact.",
        panel="Speed",
    )
    edit_threshold: float | None = option(
        None,
        "--edit-threshold",
        minimum=0,
        maximum=1,
        unset=-1,
        kinds=BLOCK,
        help="Replace tokens of the block by others that are at least so confident (LLaDA2.1); -1: "
        "never.",
        panel="Diffusion",
    )
    max_post_steps: int = option(
        16,
        "--max-post-steps",
        minimum=0,
        kinds=BLOCK,
        idle_with=({"edit_threshold": (None,)},),
        help="Steps at most that edit a block which is filled.",
        panel="Diffusion",
    )
    cfg_scale: float = option(
        0.0,
        "--cfg-scale",
        "--diffusion-cfg-scale",
        env="DIFFUSION_CFG_SCALE",
        minimum=0,
        maximum=1000,
        kinds=DIFFUSION,
        undefined={"block": "guidance is not defined for models that write in blocks"},
        help="Classifier-free guidance; 0: none, more: closer to the prompt, at twice the cost.",
        panel="Diffusion",
    )
    alg_temp: float = option(
        0.0,
        "--alg-temp",
        "--diffusion-alg-temp",
        minimum=0,
        maximum=1000,
        idle_with=({"algorithm": ("origin",)},),
        kinds=DENOISED,
        idle_beside="step",
        help="Randomness in the choice of positions; 0: none.",
        panel="Diffusion",
    )
    gumbel: bool = option(
        False,
        "--gumbel",
        "--diffusion-add-gumbel-noise",
        kinds=DENOISED,
        idle_with=({"temperature": (0.0,)},),
        help="Draw tokens with Gumbel noise, without top-k and top-p (LLaDA's way).",
        panel="Diffusion",
    )
    confidence: str | None = option(
        None,
        "--confidence",
        choices=("clean", "sampled"),
        none="auto",
        kinds=DENOISED,
        help="Read confidences before or after temperature and filters; known from the model.",
        panel="Diffusion",
    )
    eos_policy: str = option(
        "natural",
        "--eos-policy",
        choices=("natural", "suppress", "last"),
        kinds=DENOISED,
        help="End tokens: as they come, never, or after all others.",
        panel="Diffusion",
    )
    step: str | None = option(
        None,
        "--step",
        metavar=FUNCTION,
        anywhere=False,
        config=False,
        takes=("view",),
        kinds=DIFFUSION,
        help="A function of your own that decides each step: what is committed, what taken back.",
        panel="Diffusion",
    )


@dataclass(frozen=True)
class SpeedSettings:
    """What trades exactness for speed; the defaults trade nothing."""

    fast: bool = option(
        False,
        "--fast",
        preset=(
            ("schedule", "block"),
            ("steps", 0),
            ("cache", "dual"),
            ("threshold", 0.9),
            ("cache_reach", 128),
        ),
        kinds=DIFFUSION,
        help="The answer soon: block schedule, dual cache near the block, threshold 0.9, steps as "
        "needed.",
        panel="Speed",
    )
    cache: str = option(
        "none",
        "--cache",
        choices=CACHES,
        needs={"prefix": ("schedule", "block"), "dual": ("schedule", "block")},
        kinds=DIFFUSION,
        help="What is not computed afresh in each step: nothing, what precedes the block, all but "
        "the block (both imply --schedule block), or all but what is masked or has just changed.",
        panel="Speed",
    )
    cache_refresh: int = option(
        0,
        "--cache-refresh",
        minimum=0,
        kinds=DIFFUSION,
        idle_with=({"cache": ("none",)},),
        help="Compute everything afresh at least every so many steps; 0: when a block begins.",
        panel="Speed",
    )
    cache_window: int | None = option(
        None,
        "--cache-window",
        minimum=1,
        none="auto",
        kinds=DIFFUSION,
        idle_with=({"cache": ("none", "prefix")},),
        help="Least number of positions computed in a step; without it what is cheapest here.",
        panel="Speed",
    )
    cache_reach: int | None = option(
        None,
        "--cache-reach",
        minimum=0,
        none="all",
        unset=-1,
        kinds=DIFFUSION,
        idle_with=({"cache": ("none",)}, {"schedule": ("timestep", "linear")}),
        help="When a block begins, compute no more than so many positions before it afresh; -1: "
        "everything.",
        panel="Speed",
    )
    look_ahead: int | None = option(
        None,
        "--look-ahead",
        minimum=0,
        none="all",
        unset=-1,
        kinds=DIFFUSION,
        implies=("schedule", "block"),
        help="Masked positions behind the block that the model is shown; -1: all. Implies "
        "--schedule block.",
        panel="Speed",
    )
    threshold: float | None = option(
        None,
        "--threshold",
        above=0,
        maximum=1,
        one_of="parallel rule",
        kinds=DENOISED,
        help="Unmask everything in the block that is at least so confident; steps are a maximum.",
        panel="Speed",
    )
    factor: float | None = option(
        None,
        "--factor",
        above=0,
        maximum=1000,
        one_of="parallel rule",
        kinds=DENOISED,
        help="Unmask the n best when the n-th is at least 1 - factor / (n + 1) confident.",
        panel="Speed",
    )
    entropy_bound: float | None = option(
        None,
        "--entropy-bound",
        minimum=0,
        maximum=1000,
        one_of="parallel rule",
        kinds=DENOISED,
        help="Unmask while the entropies together, less the largest, stay below so many nats.",
        panel="Speed",
    )
    entropy_threshold: float | None = option(
        None,
        "--entropy-threshold",
        above=0,
        maximum=1000,
        one_of="parallel rule",
        kinds=DENOISED,
        help="Unmask everything in the block whose entropy is below so many nats (d3LLM).",
        panel="Speed",
    )
    entropy_exit: float | None = option(
        None,
        "--entropy-exit",
        above=0,
        maximum=1000,
        one_of="parallel rule",
        kinds=DENOISED,
        help="Unmask as many of the best as have entropies below so many nats.",
        panel="Speed",
    )
    klass: float | None = option(
        None,
        "--klass",
        above=0,
        maximum=1000,
        one_of="parallel rule",
        kinds=DENOISED,
        help="Unmask what is at least --klass-confidence sure and whose distribution moved by less "
        "than so many nats in each of the last two steps (KLASS).",
        panel="Speed",
    )
    klass_confidence: float = option(
        0.9,
        "--klass-confidence",
        minimum=0,
        maximum=1,
        kinds=DENOISED,
        idle_with=({"klass": (None,)},),
        help="How sure --klass wants to be.",
        panel="Speed",
    )
    rule: str | None = option(
        None,
        "--rule",
        metavar=FUNCTION,
        anywhere=False,
        config=False,
        takes=("view",),
        one_of="parallel rule",
        kinds=DENOISED,
        help="Unmask everything in the block that a function of your own accepts.",
        panel="Speed",
    )


@dataclass(frozen=True)
class SamplingSettings:
    temperature: float = option(
        0.0,
        "--temperature",
        "--temp",
        known_as=("temp",),
        by_kind={"autoregressive": 0.8},
        minimum=0,
        maximum=1000,
        help="Randomness in the choice of tokens; 0: always the likeliest.",
        panel="Sampling",
    )
    top_k: int = option(
        0,
        "--top-k",
        by_kind={"autoregressive": 40},
        minimum=0,
        idle_with=NO_DRAW,
        help="Draw from the k likeliest tokens only; 0: all.",
        panel="Sampling",
    )
    top_p: float = option(
        1.0,
        "--top-p",
        by_kind={"autoregressive": 0.95},
        above=0,
        maximum=1,
        idle_with=NO_DRAW,
        help="Draw from the likeliest tokens that make up this probability; 1: all.",
        panel="Sampling",
    )
    min_p: float = option(
        0.0,
        "--min-p",
        by_kind={"autoregressive": 0.05},
        minimum=0,
        maximum=1,
        kinds=AUTOREGRESSIVE,
        idle_with=({"temperature": (0.0,)},),
        help="Drop tokens less likely than this share of the likeliest (autoregressive models).",
        panel="Sampling",
    )
    repeat_penalty: float = option(
        1.0,
        "--repeat-penalty",
        above=0,
        maximum=1000,
        kinds=AUTOREGRESSIVE,
        help="Penalty on repeated tokens; 1: none (autoregressive models).",
        panel="Sampling",
    )
    seed: int | None = option(
        None,
        "-s",
        "--seed",
        minimum=0,
        maximum=2**32 - 1,
        unset=-1,
        none="random",
        help="Seed of all random numbers; -1: another one each time.",
        panel="Sampling",
    )
    samples: int = option(
        1,
        "-N",
        "--samples",
        minimum=1,
        maximum=10_000,
        help="Answers, decoded together; each has the next seed.",
        panel="Sampling",
        part="samples",
    )


@dataclass(frozen=True)
class PromptSettings:
    chat: bool = option(
        True,
        "--chat",
        help="Put the prompt into the model's chat template, if it has one.",
        panel="Prompt",
    )
    system_prompt: str | None = option(
        None,
        "-sys",
        "--system-prompt",
        metavar="TEXT",
        help="What the model is told before the prompt.",
        panel="Prompt",
    )
    parse_special: bool = option(
        False,
        "--parse-special",
        help="Take control tokens that a message spells, such as <|mask|>, for such tokens.",
        panel="Prompt",
    )


@dataclass(frozen=True)
class OutputSettings:
    """How a run is shown, what is told of it, whether it is begun; never changes what is
    generated."""

    visual: str | None = option(
        None,
        "--visual",
        "--diffusion-visual",
        choices=VIEWS,
        bare="tokens",
        none="no",
        help="Watch the text being unmasked, on stderr; coloured by what is new, by confidence, or "
        "by the order of unmasking; or with what the model would put where it is masked.",
        part="view",
    )
    visual_delay: int = option(
        0,
        "--visual-delay",
        metavar="MS",
        minimum=0,
        maximum=60_000,
        help="Wait so many milliseconds after each step that is shown in place.",
        part="view",
    )
    trace: str | None = option(
        None,
        "--trace",
        metavar="FILE",
        config=False,
        help='Write the run to a file as it goes, for replay and export; "-" writes it to stdout, '
        "and the answer is in its last line. Where there are several runs, each has a file with "
        "its number in the name: run-1.jsonl, run-2.jsonl …",
        part="trace",
    )
    trace_proposals: int | None = option(
        None,
        "--trace-proposals",
        metavar="K",
        config=False,
        minimum=1,
        maximum=MOST_TOLD,
        help="Write to the trace as well, of each position in question, the K likeliest tokens.",
        part="trace",
    )
    json: bool = option(
        False,
        "--json",
        config=False,
        help="Print one JSON object instead of the text.",
        part="json",
    )
    logprobs: int | None = option(
        None,
        "--logprobs",
        metavar="K",
        config=False,
        minimum=0,
        maximum=MOST_TOLD,
        help="Tell in the JSON the log-probability of each token, with K alternatives.",
        part="logprobs",
    )
    force: bool = option(
        False,
        "--force",
        help="Load a model that does not fit into memory, to be read from the disk all the time.",
        panel="Model",
        part="model",
    )
    quiet: bool = option(
        False,
        "-q",
        "--quiet",
        help="Nothing on stderr but errors, and what was typed to no effect.",
    )
    verbose: bool = option(
        False,
        "-v",
        "--verbose",
        help="Tell what was decided, and what llama.cpp warns of.",
        part="log",
    )
    debug: bool = option(
        False,
        "-vv",
        "--debug",
        help="Show llama.cpp's whole log as well, and tracebacks of errors.",
        part="log",
    )

    @property
    def logged(self) -> bool:
        """Whether lines of a log may come at any moment."""
        return self.verbose or self.debug


@dataclass(frozen=True)
class Settings:
    """All settings of a run, in groups: `settings.diffusion.steps`."""

    model: ModelSettings = ModelSettings()
    canvas: CanvasSettings = CanvasSettings()
    diffusion: DiffusionSettings = DiffusionSettings()
    speed: SpeedSettings = SpeedSettings()
    sampling: SamplingSettings = SamplingSettings()
    prompt: PromptSettings = PromptSettings()
    output: OutputSettings = OutputSettings()


GROUPS: dict[str, type] = {
    "model": ModelSettings,
    "canvas": CanvasSettings,
    "diffusion": DiffusionSettings,
    "speed": SpeedSettings,
    "sampling": SamplingSettings,
    "prompt": PromptSettings,
    "output": OutputSettings,
}


@cache
def declarations() -> dict[str, Declaration]:
    """Every option by field name, in the order of declaration."""
    found = {}
    for group, cls in GROUPS.items():
        for item in fields(cls):
            found[item.name] = _declaration(group, item)
    return found


@cache
def by_any_name() -> dict[str, Declaration]:
    """Every option under each of its names."""
    return {name: known for known in declarations().values() for name in known.names}


@cache
def alternatives() -> dict[str, tuple[str, ...]]:
    """Settings of which one counts, by the name of their group (`Option.one_of`)."""
    found: dict[str, tuple[str, ...]] = {}
    for known in declarations().values():
        if known.option.one_of:
            found[known.option.one_of] = (*found.get(known.option.one_of, ()), known.name)
    return found


def _declaration(group: str, item: Field[Any]) -> Declaration:
    # Annotations are strings here: "int | None" says int.
    kind = str(item.type).split(" ")[0]
    return Declaration(item.name, group, kind, item.default, item.metadata["option"])


def declared_in(cls: type) -> dict[str, Declaration]:
    """The options of a class that is no group of settings: those of one command, by field name."""
    return {item.name: _declaration("", item) for item in fields(cls)}
