"""The shipped demo models and their catalogue."""

from __future__ import annotations

from .catalogue import CATALOGUE, DEFAULT_MODEL, ShippedModel, shipped_path

__all__ = ["CATALOGUE", "DEFAULT_MODEL", "ShippedModel", "shipped_path"]
