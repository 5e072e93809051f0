"""The command line: every field of `Shape` is an option."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from .shapes import ARCHITECTURES, Shape
from .vocabulary import copied_vocabulary
from .write import QUANTISATIONS, write_model

CONVERTERS = {"int": int, "float": float}
CHOICES = {"arch": tuple(ARCHITECTURES), "quantisation": tuple(QUANTISATIONS)}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="random_model", description="Write a random-weight GGUF.")
    made.add_argument("output", type=Path)
    made.add_argument("--vocabulary", type=Path, help="GGUF to copy the vocabulary of")
    for field in fields(Shape):
        flag = "--" + field.name.replace("_", "-")
        if field.type == "bool":
            made.add_argument(flag, action=argparse.BooleanOptionalAction, default=field.default)
        else:
            convert = CONVERTERS.get(field.type, str)
            choices = CHOICES.get(field.name)
            made.add_argument(flag, type=convert, default=field.default, choices=choices)
    return made


def main() -> None:
    options = vars(parser().parse_args())
    output, source = options.pop("output"), options.pop("vocabulary")
    write_model(output, Shape(**options), copied_vocabulary(source) if source else None)
    print(f"{output}: {output.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
