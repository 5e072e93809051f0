"""A pytest plugin: the binding that was compiled with sanitizers in place of the usual one."""

from __future__ import annotations

import importlib.util
import sys

from . import BINDING

NAME = "hoshikage_cli.llama._native"


def _put_in_place() -> None:
    spec = importlib.util.spec_from_file_location(NAME, BINDING)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[NAME] = module


_put_in_place()
