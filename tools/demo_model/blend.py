"""Averages the weights of two checkpoints of one run: `demo_model.blend FIRST SECOND SHARE FILE`.

What a run gained between the two on some tasks and lost on others is often both there in between
(Wortsman and others, 2022: model soups). The rest of the state is the second's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch


def blend(first: dict, second: dict, share: float) -> dict:
    """The second checkpoint with `share` of the first's averaged weights in its own."""
    weights = {
        name: share * first["averaged"][name] + (1 - share) * tensor
        for name, tensor in second["averaged"].items()
    }
    network = {name: tensor.clone() for name, tensor in weights.items()}
    return {**second, "averaged": weights, "network": network}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("share", type=float, help="of the first, 0 to 1")
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    first, second = (
        torch.load(path, weights_only=False) for path in (options.first, options.second)
    )
    options.file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(blend(first, second, options.share), options.file)


if __name__ == "__main__":
    main()
