"""What a family of models sets by default, in terms of options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..llama.families import NAMED, Family

if TYPE_CHECKING:
    from ..decoding.profile import Profile

SAME = (
    "block_length",
    "steps",
    "algorithm",
    "temperature",
    "top_k",
    "top_p",
    "confidence",
)
"""Options that are called as the field of a profile is."""

IN_PLACE = ("algorithm", "alg_temp")
"""What has no say where the most trusted is whatever stands first."""


def defaults_of(family: Family) -> dict[str, Any]:
    """Values by option name; of a family that does not write in blocks none.

    They are read off its profile, which also has what is no option: grid, attention, quota.
    """
    if family.kind != "block":
        return {}
    from ..decoding.profile import PROFILES  # takes numpy, for which --help would have to wait

    profile = PROFILES[family.name]
    found = {name: getattr(profile, name) for name in SAME}
    return found | _extras_of(profile) | _rule_of(profile)


def confidence_of(shift: bool) -> str:
    """Of models that unmask whole canvases: those whose logits are shifted (Dream) read it after
    temperature and filters, the others (LLaDA) before."""
    return "sampled" if shift else "clean"


def unread_by(family: str) -> tuple[str, ...]:
    """Options of models that write in blocks that this family decides by itself."""
    if family not in NAMED or NAMED[family].kind != "block":
        return ()
    from ..decoding.profile import PROFILES

    profile = PROFILES[family]
    moving = ("steps",) if profile.grid == "moving" else ()
    return moving + (IN_PLACE if profile.order == "left to right" else ())


def _extras_of(profile: Profile) -> dict[str, Any]:
    """What not every family has: parts of blocks, and editing."""
    parts = {"sub_block": profile.sub_block} if profile.sub_block else {}
    if profile.edit_threshold is None:
        return parts
    editing = ("edit_threshold", "max_post_steps")
    return parts | {name: getattr(profile, name) for name in editing}


def _rule_of(profile: Profile) -> dict[str, float]:
    """Its parallel rule, which is an option by the rule's name."""
    from ..decoding.parallel import ParallelRule

    rule = profile.parallel
    return {rule.name: rule.limits[0]} if isinstance(rule, ParallelRule) else {}
