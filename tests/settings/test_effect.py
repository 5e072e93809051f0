"""What was typed and has no effect."""

from __future__ import annotations

import pytest

from hoshikage_cli.llama.families import NAMED
from hoshikage_cli.settings.declared import declarations
from hoshikage_cli.settings.effect import idle, without_effect
from hoshikage_cli.settings.layers import Layers

from .given import resolved

ON_BOTH = {
    "model": ("model", "family", "gpu_layers", "repack", "threads", "ctx_size"),
    "canvas": ("max_tokens", "max_length", "stop"),
    "sampling": ("temperature", "top_k", "top_p", "seed", "samples"),
    "prompt": ("chat", "system_prompt", "parse_special"),
    "output": (
        "visual",
        "visual_delay",
        "trace",
        "trace_proposals",
        "json",
        "logprobs",
        "force",
        "quiet",
        "verbose",
        "debug",
    ),
}


def told(kind, flags, **layers):
    return list(without_effect(flags, resolved(flags=flags, kind=kind, **layers), kind))


def test_what_both_kinds_read():
    for name, known in declarations().items():
        both = known.read_by("diffusion") and known.read_by("autoregressive")
        assert both == (name in ON_BOTH.get(known.group, ()))
        assert known.read_by(None)


@pytest.mark.parametrize(
    ("kind", "flags", "words"),
    [
        ("autoregressive", {"steps": "4"}, "--steps has no effect on an autoregressive model"),
        ("diffusion", {"min_p": "0.1"}, "--min-p has no effect on a diffusion model"),
        (
            "autoregressive",
            {"steps": "4", "cache": "dual", "threshold": "0.9"},
            "--steps, --cache and --threshold have no effect on an autoregressive model",
        ),
        ("block", {"repeat_penalty": "2"}, "--repeat-penalty has no effect on a block model"),
        (
            "diffusion",
            {"gumbel": True, "temperature": "0.7", "top_k": "5", "top_p": "0.9"},
            "--top-k and --top-p have no effect with --gumbel",
        ),
        ("diffusion", {"gumbel": True}, "--gumbel has no effect with --temperature 0"),
        ("diffusion", {"cache_refresh": "4"}, "--cache-refresh has no effect with --cache none"),
        (
            "diffusion",
            {"cache_window": "4", "cache": "prefix"},
            "--cache-window has no effect with --cache prefix",
        ),
        (
            "diffusion",
            {"cache": "prefix", "schedule": "timestep"},
            "--cache has no effect with --schedule timestep",
        ),
        (
            "diffusion",
            {"cache": "dual", "eps": "0.01"},
            "--cache has no effect with --schedule timestep",
        ),
    ],
)
def test_a_line_for_each_reason(kind, flags, words):
    assert told(kind, flags) == [words]


@pytest.mark.parametrize(
    ("family", "flags", "words"),
    [
        (
            "sdlm",
            {"steps": "4", "algorithm": "entropy", "threshold": "0.7"},
            ["--steps and --algorithm have no effect on a model of the family sdlm"],
        ),
        ("sdar", {"steps": "4", "algorithm": "entropy"}, []),
        ("sdar", {"algorithm": "entropy", "step": len}, ["--step has no effect on a block model"]),
        ("llada2.1", {"edit_threshold": "-1", "max_post_steps": "4"}, ["--max-post-steps has"]),
    ],
)
def test_what_a_family_decides_by_itself(family, flags, words):
    found = Layers().of_model({}, NAMED[family]).resolve(flags)
    lines = list(without_effect(flags, found, "block", family))
    assert len(lines) == len(words)
    assert all(line.startswith(begin) for line, begin in zip(lines, words, strict=True))


def test_several_reasons():
    flags = {"min_p": "0.1", "cache_refresh": "4", "repeat_penalty": "2"}
    assert told("diffusion", flags) == [
        "--min-p and --repeat-penalty have no effect on a diffusion model",
        "--cache-refresh has no effect with --cache none",
    ]


@pytest.mark.parametrize(
    ("kind", "flags"),
    [
        ("diffusion", {"steps": "4", "temperature": "1", "top_k": "5"}),
        ("autoregressive", {"min_p": "0.1", "repeat_penalty": "2", "top_p": "0.5"}),
        ("diffusion", {"cache": "dual", "cache_window": "4", "cache_refresh": "2"}),
        ("diffusion", {"fast": True, "cache_refresh": "2"}),
        ("diffusion", {"cache": "dual"}),
        ("diffusion", {"cache": "active", "schedule": "timestep"}),
        (None, {"steps": "4", "min_p": "0.1"}),
        # A switch that is off, and what is no more than handed on.
        ("autoregressive", {"gumbel": False, "fast": None}),
    ],
)
def test_what_has_an_effect_is_not_told(kind, flags):
    assert told(kind, flags) == []


@pytest.mark.parametrize(
    ("kind", "flags", "auto", "reason"),
    [
        ("diffusion", {}, {"confidence": "clean"}, "with --temperature 0 and --confidence clean"),
        ("diffusion", {"confidence": "clean"}, {}, "with --temperature 0 and --confidence clean"),
        ("diffusion", {"confidence": "sampled"}, {"confidence": "clean"}, ""),
        ("diffusion", {}, {"confidence": "sampled"}, ""),
        ("diffusion", {"temperature": "0.5"}, {"confidence": "clean"}, ""),
        ("autoregressive", {"temperature": "0"}, {}, "with --temperature 0"),
        ("autoregressive", {}, {}, ""),
    ],
)
@pytest.mark.parametrize(("name", "value"), [("top_k", "5"), ("top_p", "0.5"), ("min_p", "0.1")])
def test_filters_count_where_they_change_a_draw_or_how_sure_it_is(
    name, value, kind, flags, auto, reason
):
    if not declarations()[name].read_by(kind):
        reason = f"on a {kind} model"
    found = resolved(flags={**flags, name: value}, kind=kind)
    assert idle(name, found, kind, None, auto) == reason


def test_only_flags_are_told():
    environ = {"DIFFUSION_STEPS": "4", "HOSHIKAGE_CACHE_REFRESH": "2"}
    assert told("autoregressive", {}, environ=environ, config={"fast": True}) == []


def test_what_has_no_effect_itself_takes_none_away():
    assert told("diffusion", {"gumbel": True, "top_k": "5"}) == [
        "--gumbel has no effect with --temperature 0"
    ]
    flags = {"gumbel": True, "top_k": "5", "temperature": "1"}
    assert told("autoregressive", flags) == ["--gumbel has no effect on an autoregressive model"]


def test_the_reason_may_come_from_any_layer():
    found = resolved(flags={"top_k": "5"}, config={"gumbel": True, "temp": 0.7})
    assert idle("top_k", found, "diffusion") == "with --gumbel"
