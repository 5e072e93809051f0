"""What is known of an option besides its value: flags, variable, range, help, who reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TRUE_WORDS = ("1", "true", "yes", "on")
FALSE_WORDS = ("0", "false", "no", "off")


@dataclass(frozen=True)
class Option:
    """What is known of a setting besides its name and default."""

    help: str
    """One sentence, for `--help`, the reference and the template of the config file."""
    flags: tuple[str, ...]
    """The first long one names the setting to users."""
    known_as: tuple[str, ...] = ()
    """Other names of it, understood wherever it is named; llama.cpp's spellings are flags alone."""
    env: str = ""
    """A variable of llama-diffusion-cli's that means it, besides those of our own."""
    anywhere: bool = True
    """Whether variables may have it; what names code may not."""
    metavar: str = ""
    """What stands for its value in help."""
    minimum: float | None = None
    """The least value that is allowed."""
    maximum: float | None = None
    """The largest value that is allowed."""
    above: float | None = None
    """A limit that the value must exceed."""
    choices: tuple[str, ...] = ()
    """The names that are allowed."""
    takes: tuple[str, ...] = ()
    """What a function that stands for a value is called with; empty: none can."""
    numbered: bool = False
    """Whether the choices are understood by their numbers as well."""
    unset: int | None = None
    """A number that means None."""
    none: str = "none"
    """What a user reads for None."""
    bare: str | None = None
    """What the flag means without a value, as the words for yes do; those for no mean None."""
    implies: tuple[str, str] | None = None
    """Another setting and the value of it that giving this one entails."""
    needs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Values of it that have no effect unless another setting has a value: they bring that along,
    and give way to whatever else their own layer says of it."""
    one_of: str | None = None
    """The group, by name, of which one member counts: they cannot be given together."""
    preset: tuple[tuple[str, Any], ...] = ()
    """What a switch sets, unless its own layer says otherwise."""
    by_kind: Mapping[str, Any] = field(default_factory=dict)
    """Defaults of the kinds of model that have their own."""
    kinds: tuple[str, ...] | None = None
    """The kinds of model that read it; None: all."""
    undefined: Mapping[str, str] = field(default_factory=dict)
    """Kinds of model that it means nothing for, with the reason: typed for one, it is refused."""
    idle_with: tuple[Mapping[str, tuple[Any, ...]], ...] = ()
    """Values of other settings that, together, leave this one without effect; several of these."""
    idle_beside: str | None = None
    """Another setting that leaves this one without effect wherever it is given."""
    config: bool = True
    """Whether the config file may have it."""
    told: bool = True
    """Whether runs tell of it; what stands for others need not be told beside them."""
    panel: str = "Output"
    """The topic that it stands under in help."""
    part: str = ""
    """What commands take it by, where they do not take the whole of its group."""


def option(default: Any, *flags: str, help: str, **facts: Any) -> Any:
    """A dataclass field that carries its `Option`."""
    return field(default=default, metadata={"option": Option(help, flags, **facts)})


@dataclass(frozen=True)
class Declaration:
    """An option together with what its field says."""

    name: str
    """The field's name, which is the long name with underscores."""
    group: str
    """The name in `Settings` of the group that it is in."""
    type: str
    """`int`, `float`, `str`, `bool`, or a `tuple` of texts."""
    default: Any
    """What counts where no layer says anything; `default_for` knows the exceptions."""
    option: Option
    """Everything else."""

    @property
    def long_name(self) -> str:
        """The name without dashes in front, as `--show-settings` and the config file use it."""
        return next(flag for flag in self.option.flags if flag.startswith("--"))[2:]

    @property
    def names(self) -> tuple[str, ...]:
        """What it is called in files, records and Python, with dashes or with underscores. The
        first one is printed."""
        names = (self.long_name, *self.option.known_as)
        return tuple(dict.fromkeys([*names, *(name.replace("-", "_") for name in names)]))

    @property
    def flag(self) -> str:
        """The flag that messages call it by."""
        return f"--{self.long_name}"

    @property
    def variables(self) -> tuple[str, ...]:
        """Its environment variables: llama-diffusion-cli's, and one for each of its names."""
        if not self.option.anywhere:
            return ()
        ours = (f"HOSHIKAGE_{name.upper()}" for name in self.names if "-" not in name)
        return (*filter(None, [self.option.env]), *ours)

    @property
    def repeated(self) -> bool:
        """Whether it may be given again and again."""
        return self.type.startswith("tuple")

    def default_for(self, kind: str | None) -> Any:
        """The default for a kind of model; None: of no kind in particular."""
        return self.option.by_kind.get(kind or "", self.default)

    def read_by(self, kind: str | None) -> bool:
        """Whether a model of this kind reads it; one of an unknown kind may."""
        return kind is None or self.option.kinds is None or kind in self.option.kinds
