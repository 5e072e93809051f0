"""Every option, declared once: name, flags, variable, default, range, help.

The command line, the resolution order, `--show-settings`, the Python API and the documentation all
read these declarations. Precedence: flag > environment > config file > what the model advises >
default.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from functools import cache
from typing import Any

from .errors import UsageError

# By number: what llama-diffusion-cli and DIFFUSION_ALGORITHM, DIFFUSION_SCHEDULE count with.
ALGORITHMS = ("origin", "entropy", "margin", "random", "confidence")
SCHEDULES = ("timestep", "block", "linear")
VIEWS = ("tokens", "confidence", "order")
CACHES = ("none", "prefix", "dual", "active")
PARALLEL_RULES = ("threshold", "factor", "entropy_bound")

LAYERS = ("default", "model", "config", "environment", "flag")
TRUE_WORDS = ("1", "true", "yes", "on")
FALSE_WORDS = ("0", "false", "no", "off")


class SettingsError(UsageError):
    """An unknown setting, or a value that is out of range."""


@dataclass(frozen=True)
class Option:
    """What is known of a setting besides its default.

    flags: the first long one names the setting to users. env: None derives HOSHIKAGE_ and the long
    name, "" means no variable. minimum and maximum are allowed themselves; `above` is not.
    choices: names; their numbers are accepted when `numbered`. unset: a number that means None.
    none: what a user reads for None.
    bare: what the flag means without a value, as the words for yes do; those for no mean None.
    implies: another setting's value that giving this one entails. excludes: a setting that cannot
    be given together with this one. preset: what a switch sets, unless the same layer says
    otherwise. autoregressive: the default for autoregressive models.
    """

    help: str
    flags: tuple[str, ...]
    env: str | None = None
    metavar: str = ""
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    numbered: bool = False
    unset: int | None = None
    none: str = "none"
    bare: str | None = None
    implies: tuple[str, str] | None = None
    excludes: str | None = None
    preset: tuple[tuple[str, Any], ...] = ()
    autoregressive: Any = None
    config: bool = True
    panel: str = "Output"


def option(default: Any, *flags: str, help: str, **facts: Any) -> Any:
    """A dataclass field that carries its `Option`."""
    return field(default=default, metadata={"option": Option(help, flags, **facts)})


# ---------------------------------------------------------------------------- declarations


@dataclass(frozen=True)
class ModelSettings:
    model: str | None = option(
        None,
        "-m",
        "--model",
        metavar="NAME|FILE",
        none="the shipped demo model",
        help="GGUF file, or a name that hoshikage models lists.",
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
        help="Id of the mask token, if the vocabulary does not tell.",
        panel="Model",
    )
    shift_logits: bool | None = option(
        None,
        "--shift-logits",
        none="auto",
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
        autoregressive=512,
        minimum=1,
        excludes="max_length",
        help="Tokens to generate.",
        panel="Length",
    )
    max_length: int | None = option(
        None,
        "-ub",
        "--max-length",
        "--ubatch-size",
        minimum=2,
        excludes="max_tokens",
        help="Tokens of prompt and answer together (canvas length).",
        panel="Length",
    )


@dataclass(frozen=True)
class DiffusionSettings:
    steps: int = option(
        50,
        "--steps",
        "--diffusion-steps",
        env="DIFFUSION_STEPS",
        minimum=0,
        maximum=1_000_000,
        help="Denoising steps; 0: one token a step.",
        panel="Diffusion",
    )
    algorithm: str = option(
        "confidence",
        "--algorithm",
        "--diffusion-algorithm",
        env="DIFFUSION_ALGORITHM",
        choices=ALGORITHMS,
        numbered=True,
        help="Which positions are unmasked first.",
        panel="Diffusion",
    )
    schedule: str = option(
        "timestep",
        "--schedule",
        "--diffusion-schedule",
        env="DIFFUSION_SCHEDULE",
        choices=SCHEDULES,
        numbered=True,
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
        help="Where the timesteps end; implies --schedule timestep.",
        panel="Diffusion",
    )
    block_length: int = option(
        32,
        "--block-length",
        "--diffusion-block-length",
        minimum=1,
        implies=("schedule", "block"),
        help="Positions in a block; implies --schedule block.",
        panel="Diffusion",
    )
    cfg_scale: float = option(
        0.0,
        "--cfg-scale",
        "--diffusion-cfg-scale",
        env="DIFFUSION_CFG_SCALE",
        minimum=0,
        maximum=1000,
        help="Classifier-free guidance; 0: none, more: closer to the prompt, at twice the cost.",
        panel="Diffusion",
    )
    alg_temp: float = option(
        0.0,
        "--alg-temp",
        "--diffusion-alg-temp",
        minimum=0,
        maximum=1000,
        help="Randomness in the choice of positions; 0: none.",
        panel="Diffusion",
    )
    gumbel: bool = option(
        False,
        "--gumbel",
        "--diffusion-add-gumbel-noise",
        help="Draw tokens with Gumbel noise, without top-k and top-p (LLaDA's way).",
        panel="Diffusion",
    )
    confidence: str | None = option(
        None,
        "--confidence",
        choices=("clean", "sampled"),
        none="auto",
        help="Read confidences before or after temperature and filters; known from the model.",
        panel="Diffusion",
    )
    eos_policy: str = option(
        "natural",
        "--eos-policy",
        choices=("natural", "suppress", "last"),
        help="End tokens: as they come, never, or after all others.",
        panel="Diffusion",
    )


@dataclass(frozen=True)
class SpeedSettings:
    """What trades exactness for speed; the defaults trade nothing."""

    fast: bool = option(
        False,
        "--fast",
        preset=(("schedule", "block"), ("steps", 0), ("cache", "dual"), ("threshold", 0.9)),
        help="The answer soon: block schedule, dual cache, threshold 0.9, steps as needed.",
        panel="Speed",
    )
    cache: str = option(
        "none",
        "--cache",
        choices=CACHES,
        help="What is not computed afresh in each step: nothing, what precedes the block, all but "
        "the block, or all but what is masked or has just changed.",
        panel="Speed",
    )
    cache_refresh: int = option(
        0,
        "--cache-refresh",
        minimum=0,
        help="Compute everything afresh at least every so many steps; 0: when a block begins.",
        panel="Speed",
    )
    cache_window: int | None = option(
        None,
        "--cache-window",
        minimum=1,
        none="auto",
        help="Least number of positions computed in a step; without it what is cheapest here.",
        panel="Speed",
    )
    threshold: float | None = option(
        None,
        "--threshold",
        above=0,
        maximum=1,
        help="Unmask everything in the block that is at least so confident; steps are a maximum.",
        panel="Speed",
    )
    factor: float | None = option(
        None,
        "--factor",
        above=0,
        maximum=1000,
        help="Unmask the n best when the n-th is at least 1 - factor / (n + 1) confident.",
        panel="Speed",
    )
    entropy_bound: float | None = option(
        None,
        "--entropy-bound",
        minimum=0,
        maximum=1000,
        help="Unmask while the entropies together, less the largest, stay below so many nats.",
        panel="Speed",
    )


@dataclass(frozen=True)
class SamplingSettings:
    temperature: float = option(
        0.0,
        "--temp",
        "--temperature",
        autoregressive=0.8,
        minimum=0,
        maximum=1000,
        help="Randomness in the choice of tokens; 0: always the likeliest.",
        panel="Sampling",
    )
    top_k: int = option(
        0,
        "--top-k",
        autoregressive=40,
        minimum=0,
        help="Draw from the k likeliest tokens only; 0: all.",
        panel="Sampling",
    )
    top_p: float = option(
        1.0,
        "--top-p",
        autoregressive=0.95,
        above=0,
        maximum=1,
        help="Draw from the likeliest tokens that make up this probability; 1: all.",
        panel="Sampling",
    )
    min_p: float = option(
        0.0,
        "--min-p",
        autoregressive=0.05,
        minimum=0,
        maximum=1,
        help="Drop tokens less likely than this share of the likeliest (autoregressive models).",
        panel="Sampling",
    )
    repeat_penalty: float = option(
        1.0,
        "--repeat-penalty",
        above=0,
        maximum=1000,
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


@dataclass(frozen=True)
class OutputSettings:
    """How a run is shown; never changes what is generated."""

    visual: str | None = option(
        None,
        "--visual",
        "--diffusion-visual",
        choices=VIEWS,
        bare="tokens",
        none="no",
        help="Watch the text being unmasked, on stderr; coloured by what is new, by confidence, or "
        "by the order of unmasking.",
    )
    visual_delay: int = option(
        0,
        "--visual-delay",
        metavar="MS",
        minimum=0,
        maximum=60_000,
        help="Wait so many milliseconds after each step that is shown in place.",
    )
    trace: str | None = option(
        None,
        "--trace",
        metavar="FILE",
        env="",
        config=False,
        help="Write the run to a file as it goes, for replay and export.",
    )
    json: bool = option(
        False, "--json", env="", config=False, help="Print one JSON object instead of the text."
    )
    quiet: bool = option(False, "-q", "--quiet", help="Nothing on stderr but errors.")
    verbose: bool = option(
        False,
        "-v",
        "--verbose",
        "--debug",
        help="Show llama.cpp's log, and tracebacks of errors.",
    )


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


# --------------------------------------------------------------------- reading declarations

GROUPS = {
    "model": ModelSettings,
    "canvas": CanvasSettings,
    "diffusion": DiffusionSettings,
    "speed": SpeedSettings,
    "sampling": SamplingSettings,
    "prompt": PromptSettings,
    "output": OutputSettings,
}


@dataclass(frozen=True)
class Declaration:
    """An option with the name, group, type and default of its field."""

    name: str
    group: str
    type: str
    default: Any
    option: Option

    @property
    def long_name(self) -> str:
        """The name without dashes in front, as `--show-settings` and the config file use it."""
        return next(flag for flag in self.option.flags if flag.startswith("--"))[2:]

    @property
    def env(self) -> str:
        """Its environment variable, "" if it has none."""
        if self.option.env is not None:
            return self.option.env
        return "HOSHIKAGE_" + self.long_name.upper().replace("-", "_")

    def default_for(self, kind: str | None) -> Any:
        special = self.option.autoregressive
        return special if kind == "autoregressive" and special is not None else self.default


@cache
def declarations() -> dict[str, Declaration]:
    """Every option by field name, in the order of declaration."""
    found = {}
    for group, cls in GROUPS.items():
        for item in fields(cls):
            found[item.name] = _declaration(group, item)
    return found


def _declaration(group: str, item: Field) -> Declaration:
    # Annotations are strings here: "int | None" says int.
    kind = str(item.type).split(" ")[0]
    return Declaration(item.name, group, kind, item.default, item.metadata["option"])


# ------------------------------------------------------------------------------- resolution


@dataclass(frozen=True)
class Resolved:
    """Settings of one run, and for each name the layer that its value came from."""

    settings: Settings
    sources: dict[str, str]

    def value(self, name: str) -> Any:
        return getattr(getattr(self.settings, declarations()[name].group), name)

    def with_values(self, **changes: Any) -> Resolved:
        """The same with other values, by name; they count as flags."""
        values = {name: self.value(name) for name in declarations()} | changes
        return Resolved(_grouped(values), self.sources | dict.fromkeys(changes, "flag"))

    def values(self) -> dict[str, Any]:
        """Every setting that decides what is generated, by name."""
        known = declarations().values()
        return {d.name: self.value(d.name) for d in known if d.group != "output"}

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """(name, value, source) of every setting, in words."""
        for known in declarations().values():
            yield known.long_name, show(known, self.value(known.name)), self.sources[known.name]


def resolve(
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    config: Mapping[str, Any],
    advice: Mapping[str, Any],
    kind: str | None = None,
) -> Resolved:
    """Settings from all layers; a value of None in `flags` counts as not given.

    flags: by field name (also the Python API's keywords). environ: an environment. config: a
    config file's keys. advice: what the model says, by field name. kind: "diffusion" or
    "autoregressive", which differ in defaults. Raises SettingsError, one line that says what was
    given, what is allowed and what to type.
    """
    layers = {
        "flag": _from_flags(flags),
        "environment": _from_environment(environ),
        "config": _from_config(config),
        "model": {known.name: advice[known.name] for known in _known_in(advice)},
    }
    _refuse_two_schedules(layers["flag"])
    for layer in layers.values():
        _refuse_exclusive(layer)
        _refuse_two_rules(layer)
        _add_implied(layer)
        _add_presets(layer)
    values, sources = _highest(layers, kind)
    _settle_exclusions(values, sources)
    _settle_rules(values, sources)
    return Resolved(_grouped(values), sources)


def _from_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    _refuse_unknown(flags, "setting", list(declarations()))
    known = declarations()
    given = {name: value for name, value in flags.items() if value is not None}
    return {name: parse(known[name], v, _flag(name)) for name, v in given.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for known in declarations().values():
        text = environ.get(known.env, "") if known.env else ""
        if text:
            found[known.name] = parse(known, text, known.env)
    return found


def _from_config(config: Mapping[str, Any]) -> dict[str, Any]:
    by_key = {d.long_name: d for d in declarations().values() if d.option.config}
    by_key |= {d.name: d for d in by_key.values()}
    spelled = {key: key.replace("_", "-") for key in config}
    keys = {key: key if key in by_key else spelled[key] for key in config}
    _refuse_unknown(keys.values(), "key in the config file:", list(by_key))
    return {
        by_key[keys[key]].name: parse(by_key[keys[key]], value, f"config file: {key}")
        for key, value in config.items()
    }


def _known_in(advice: Mapping[str, Any]) -> list[Declaration]:
    return [declarations()[name] for name in advice if name in declarations()]


def _refuse_unknown(names: Any, what: str, allowed: list[str]) -> None:
    for name in names:
        if name not in allowed:
            raise SettingsError(f"no {what} {name!r}{did_you_mean(name, allowed)}")


def did_you_mean(name: str, allowed: Any, likeness: float = 0.6) -> str:
    """`; did you mean X?` where something allowed looks like `name`, else nothing."""
    close = difflib.get_close_matches(name, list(allowed), n=1, cutoff=likeness)
    return f"; did you mean {close[0]}?" if close else ""


def _refuse_exclusive(given: Mapping[str, Any]) -> None:
    for name in given:
        other = declarations()[name].option.excludes
        if other in given:
            raise SettingsError(
                f"{_flag(name)} and {_flag(other)} exclude each other: give one of them"
            )


def _refuse_two_schedules(given: Mapping[str, Any]) -> None:
    """Settings typed together that imply different values of a third, or contradict it."""
    implied = [(name, *_implied_by(name)) for name in given if _implied_by(name)]
    for name, target, value in implied:
        if given.get(target, value) != value:
            raise SettingsError(
                f"{_flag(name)} belongs to {_flag(target)} {value}, not to {given[target]}: "
                "leave one of them out"
            )
    if len({value for _, _, value in implied}) > 1:
        names = " and ".join(_flag(name) for name, _, _ in implied)
        raise SettingsError(f"{names} belong to different schedules: give one of them")


def _implied_by(name: str) -> tuple[str, str] | None:
    return declarations()[name].option.implies


def _flag(name: str) -> str:
    return f"--{declarations()[name].long_name}"


def _add_implied(layer: dict[str, Any]) -> None:
    for name in list(layer):
        if _implied_by(name):
            layer.setdefault(*_implied_by(name))


def _refuse_two_rules(given: Mapping[str, Any]) -> None:
    rules = [_flag(name) for name in PARALLEL_RULES if given.get(name) is not None]
    if len(rules) > 1:
        raise SettingsError(f"{' and '.join(rules)} exclude each other: give one of them")


def _add_presets(layer: dict[str, Any]) -> None:
    """A preset gives way to whatever else its own layer says."""
    ruled = any(name in layer for name in PARALLEL_RULES)
    for name in [n for n in layer if layer[n] is True]:
        for target, value in declarations()[name].option.preset:
            if not (ruled and target in PARALLEL_RULES):
                layer.setdefault(target, value)


def _settle_rules(values: dict[str, Any], sources: dict[str, str]) -> None:
    """Of the rules for parallel commits the one from the highest layer counts."""
    given = [name for name in PARALLEL_RULES if values[name] is not None]
    for name in sorted(given, key=lambda name: -_rank(sources[name]))[1:]:
        values[name], sources[name] = None, "default"


def _highest(layers: Mapping[str, dict[str, Any]], kind: str | None) -> tuple[dict, dict]:
    values, sources = {}, {}
    for name, known in declarations().items():
        source = next((layer for layer in layers if name in layers[layer]), "default")
        sources[name] = source
        values[name] = known.default_for(kind) if source == "default" else layers[source][name]
    return values, sources


def _settle_exclusions(values: dict[str, Any], sources: dict[str, str]) -> None:
    """Of two that exclude each other, the one from the lower layer gives way."""
    for name, known in declarations().items():
        other = known.option.excludes
        if other and sources[other] != "default" and _rank(sources[name]) < _rank(sources[other]):
            displaced = values[name] is not None
            values[name] = None
            sources[name] = sources[other] if displaced else "default"


def _rank(source: str) -> int:
    return LAYERS.index(source)


def _grouped(values: Mapping[str, Any]) -> Settings:
    groups = {
        group: cls(**{item.name: values[item.name] for item in fields(cls)})
        for group, cls in GROUPS.items()
    }
    return Settings(**groups)


def unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """A line for each variable that looks like one of ours and is read by nothing."""
    names = ("CONFIG", "LLAMA_DIR", "MODELS", "PORTABLE", "STOCK_KERNELS")
    others = tuple(f"HOSHIKAGE_{name}" for name in names)
    known = [d.env for d in declarations().values() if d.env]
    endings = {d.env.removeprefix("DIFFUSION_"): d.env for d in declarations().values() if d.env}
    for name in environ:
        if name.startswith(("HOSHIKAGE_", "DIFFUSION_")) and name not in (*known, *others):
            exact = endings.get(name.removeprefix("HOSHIKAGE_"))
            guess = f"; did you mean {exact}?" if exact else did_you_mean(name, known, 0.8)
            # Variables of other programs begin with DIFFUSION_ too: only near misses are ours.
            if guess or name.startswith("HOSHIKAGE_"):
                yield f"{name} is not a variable that Hoshikage reads{guess}"


# ----------------------------------------------------------------------------------- values


def parse(known: Declaration, given: Any, label: str) -> Any:
    """`given`, text or a value, as the option's type. Raises SettingsError that begins `label`."""
    read = {"int": _integer, "float": _number, "bool": _truth, "str": _text}[known.type]
    value = _choice(known, given, label) if known.option.choices else read(known, given, label)
    if known.option.unset is not None and value == known.option.unset:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        _check_range(known, given, value, label)
    return value


def _integer(known: Declaration, given: Any, label: str) -> int:
    try:
        if isinstance(given, bool) or (isinstance(given, float) and given != int(given)):
            raise ValueError
        return int(given)
    except (TypeError, ValueError, OverflowError):
        raise _refused(known, given, label, "is not a whole number") from None


def _number(known: Declaration, given: Any, label: str) -> float:
    try:
        value = float(given)
    except (TypeError, ValueError):
        raise _refused(known, given, label, "is not a number") from None
    if isinstance(given, bool) or value != value or abs(value) == float("inf"):
        raise _refused(known, given, label, "is not a number")
    return value


def _truth(known: Declaration, given: Any, label: str) -> bool:
    word = str(given).strip().lower()
    if word not in TRUE_WORDS + FALSE_WORDS:
        raise SettingsError(f"{label}: {given!r} is neither yes nor no: give 1 or 0")
    return word in TRUE_WORDS


def _text(known: Declaration, given: Any, label: str) -> str:
    if isinstance(given, (bool, int, float, list, dict)):
        raise SettingsError(f"{label}: {given!r} is not text: put it in quotation marks")
    return str(given)


def _choice(known: Declaration, given: Any, label: str) -> str | None:
    choices = known.option.choices
    word = str(given).strip().lower()
    if known.option.bare and word in TRUE_WORDS + FALSE_WORDS:
        return known.option.bare if word in TRUE_WORDS else None
    if known.option.numbered and word.isdecimal() and int(word) < len(choices):
        return choices[int(word)]
    if word in choices:
        return word
    names = [f"{i} {name}" for i, name in enumerate(choices)] if known.option.numbered else choices
    listed = f"{', '.join(names[:-1])} or {names[-1]}"
    raise SettingsError(
        f"{label}: {given!r} is unknown: choose {listed}{did_you_mean(word, choices)}"
    )


def _check_range(known: Declaration, given: Any, value: float, label: str) -> None:
    facts = known.option
    low = (facts.minimum is not None and value < facts.minimum) or (
        facts.above is not None and value <= facts.above
    )
    # llama.cpp counts in 32 bits, so that is the limit where nothing closer is declared.
    highest = 2**31 - 1 if facts.maximum is None else facts.maximum
    if low or value > highest:
        raise _refused(known, given, label, "is out of range")


def _refused(known: Declaration, given: Any, label: str, why: str) -> SettingsError:
    return SettingsError(f"{label}: {given!r} {why}: give {allowed_range(known)}")


def allowed_range(known: Declaration) -> str:
    """The range in words: `a whole number from 0 to 100`."""
    facts = known.option
    words = ["a whole number" if known.type == "int" else "a number"]
    if facts.above is not None:
        words.append(f"above {facts.above:g}")
    if facts.minimum is not None:
        words.append(f"from {facts.minimum:g}")
    if facts.maximum is not None:
        between = "up to" if facts.minimum is None else "to"
        words.append(f"{between} {plain_number(facts.maximum)}")
    unset = f", or {facts.unset}" if facts.unset is not None else ""
    return " ".join(words) + unset


def plain_number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"


def show(known: Declaration, value: Any) -> str:
    """A value as a user would type it; numbered choices with their number in front."""
    if value is None:
        return known.option.none
    if known.option.numbered:
        return f"{known.option.choices.index(value)} ({value})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
