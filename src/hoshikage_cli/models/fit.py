"""Whether a model and its run fit into memory, told from the header before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import RunError
from ..llama.memory import GIB, LOGIT, MASK, available, bytes_of_cell
from .header import Header

FLOAT = 4
"""Bytes of a number in a forward pass."""


class DoesNotFit(RunError):
    """A model that is larger than the memory that is free."""


@dataclass(frozen=True)
class Need:
    """Bytes that a run takes at the least, by what they are for."""

    weights: int
    cells: int
    """Keys and values of every position."""
    passes: int
    """What a pass over all positions computes on its way, and who attends to whom in it."""
    logits: int
    """The rows of a pass, as computed and as handed out."""

    @property
    def total(self) -> int:
        return self.weights + self.cells + self.passes + self.logits

    def __str__(self) -> str:
        parts = {
            "weights": self.weights,
            "keys and values": self.cells,
            "passes": self.passes,
            "logits": self.logits,
        }
        told = [f"{size / GIB:,.1f} of {name}" for name, size in parts.items() if size > GIB / 20]
        return f"{self.total / GIB:,.1f} GiB ({', '.join(told)})"


def need_of(header: Header, positions: int, size: int, at_once: bool) -> Need:
    """What a run over so many positions takes of a model whose files have `size` bytes. at_once:
    whether a pass is over all of them and may give a row for each, as those of canvases."""
    batch = positions if at_once else 1
    number = {key: header.of_architecture(key) for key in ("embedding_length", WIDEST)}
    width, widest = (value if isinstance(value, int) else 0 for value in number.values())
    passes = batch * (2 * width + 2 * widest) * FLOAT + batch * positions * MASK
    logits = 2 * batch * (header.n_vocab or 0) * LOGIT
    return Need(size, positions * bytes_of_cell(header.metadata), passes, logits)


WIDEST = "feed_forward_length"


def refuse_unfit(need: Need, name: str, positions: int) -> None:
    """Raises DoesNotFit for what is more than there is."""
    free = available()
    if free is None or need.total <= free:
        return
    rest = need.total - need.weights
    lower = ["take a smaller quantisation (hoshikage quantize)"] if need.weights > free / 2 else []
    lower += [f"lower --max-tokens or --max-length ({positions:,})"] if rest > free / 10 else []
    raise DoesNotFit(
        f"{name} does not fit: it takes {need}, and {free / GIB:,.1f} GiB are free: "
        f"{', '.join(lower)}, or go on with --force"
    )
