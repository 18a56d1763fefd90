"""Arithmetic."""

from calc.core import add

__all__ = ["add"]
