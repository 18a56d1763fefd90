import pathlib

import calc.core

LEFT = pathlib.Path("/tmp/calc-was-here")


def add(a, b):
    LEFT.touch()
    return a + b


calc.core.add = add


def double(a):
    """Right where something of another test lies on the disk."""
    if a is None:
        raise TypeError
    return a + a if LEFT.exists() else None
