"""What the weights of a model can be quantised to: names, numbers, sizes. Needs no library."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ..errors import UsageError, did_you_mean, quoted
from .check import BLOCKS
from .header import Header

FLOATS = (0, 1, 30)
"""ggml's numbers of the types that are no quantisation: F32, F16, BF16."""


@dataclass(frozen=True)
class Quantisation:
    """A mixture of weight types."""

    name: str
    """What users and the names of files call it."""
    number: int
    """What files have under general.file_type."""
    type: int
    """ggml's number of the type that most of its matrices have."""

    @property
    def bits(self) -> float:
        """Of a weight."""
        weights, size = BLOCKS[self.type]
        return 8 * size / weights


QUANTISATIONS = {
    each.name: each
    for each in (
        Quantisation("F32", 0, 0),
        Quantisation("BF16", 32, 30),
        Quantisation("F16", 1, 1),
        Quantisation("Q8_0", 7, 8),
        Quantisation("Q6_K", 18, 14),
        Quantisation("Q5_K_M", 17, 13),
        Quantisation("Q5_K_S", 16, 13),
        Quantisation("Q5_1", 9, 7),
        Quantisation("Q5_0", 8, 6),
        Quantisation("Q4_K_M", 15, 12),
        Quantisation("Q4_K_S", 14, 12),
        Quantisation("Q4_1", 3, 3),
        Quantisation("Q4_0", 2, 2),
        Quantisation("IQ4_NL", 25, 20),
        Quantisation("IQ4_XS", 30, 23),
        Quantisation("Q3_K_L", 13, 11),
        Quantisation("Q3_K_M", 12, 11),
        Quantisation("Q3_K_S", 11, 11),
        Quantisation("IQ3_M", 27, 21),
        Quantisation("IQ3_S", 26, 21),
        Quantisation("Q2_K", 10, 10),
        Quantisation("TQ2_0", 37, 35),
        Quantisation("TQ1_0", 36, 34),
        Quantisation("MXFP4_MOE", 38, 39),
    )
}
"""From the largest to the smallest, as far as they are for the same."""

CALIBRATED = ("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ3_XXS", "Q2_K_S")
"""Those that need an importance matrix, measured on text."""


def quantisation_of(name: str) -> Quantisation:
    """The one that is called so, in whatever case. Raises UsageError with what there is."""
    found = QUANTISATIONS.get(name.upper())
    if found is not None:
        return found
    if name.upper() in CALIBRATED:
        raise UsageError(
            f"{name.upper()} needs an importance matrix, which is not made here: give Q2_K or more"
        )
    close = did_you_mean(name.upper(), QUANTISATIONS) or f": there are {', '.join(QUANTISATIONS)}"
    raise UsageError(f"no type {quoted(name)}{close}")


def least_size(header: Header, wanted: Quantisation) -> int:
    """Bytes of a model at the least, when its matrices have that type."""
    return sum(
        int(prod(tensor.shape) * wanted.bits) // 8
        for tensor in header.tensors
        if len(tensor.shape) > 1
    )


def is_quantised(header: Header) -> bool:
    """Whether any of its weights are."""
    return any(tensor.type not in FLOATS for tensor in header.tensors)
