# ruff: noqa: UP006, UP035 - for Python >= 3.8
"""The part of the plugin that makes a test's comparisons, each after some with changed values that must not hold.

Loaded before any code of the application, like the plugin itself. What it cannot stop: the code under test shares this
process.
"""

import operator
import random
from itertools import islice
from typing import Any, Callable, Dict, Iterator, List, Set  # noqa: F401 - in comments of types

OPERATORS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda left, right: left in right,
}  # type: Dict[str, Callable[[Any, Any], Any]]
OPPOSITES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
FAR = 10**6
MOST_AT_ONCE = 40
MOST_OF_ONE = 100
MOST_IN_A_TEST = 20_000
DEPTH = 4

_random = random.Random()  # noqa: S311 - which values are tried is no secret: the code under test sees them
_islice, _type = islice, type


class Opaque:
    """A value that is equal to itself alone."""


class Comparisons:
    """Which comparisons of the running test were made, and which of them held with changed values too."""

    def __init__(self) -> None:
        self.compared = set()  # type: Set[int]
        self.fooled = set()  # type: Set[int]
        self._times = {}  # type: Dict[int, int]
        self._left = MOST_IN_A_TEST

    def compare(self, number: int, left: Any, right: Any, how: str) -> Any:
        """What the test compares, made last: who answers `True` once and the truth after that says it to the others."""
        self.probe(number, left, right, how)
        return OPERATORS[how](left, right)

    def probe(self, number: int, left: Any, right: Any, how: str) -> None:
        """The comparisons that must not hold; an error is no answer."""
        self._times[number] = self._times.get(number, 0) + 1
        if self._times[number] > MOST_OF_ONE:
            return
        for attempt in _islice(_attempts(left, right, how), max(0, min(self._left, MOST_AT_ONCE))):
            self._left -= 1
            try:
                held = bool(attempt())
            except Exception:  # noqa: BLE001, S112 - whatever an equality of the application's raises
                continue
            self.compared.add(number)
            if held:
                self.fooled.add(number)
                return


def _attempts(left: Any, right: Any, how: str) -> Iterator[Callable[[], Any]]:
    """Comparisons that are untrue where `left how right` is true."""
    if how == "==":
        both = [(left, value) for value in _islice(changed(right), MOST_AT_ONCE // 2)]
        both += [(value, right) for value in _islice(changed(left), MOST_AT_ONCE // 2)]
        yield from (lambda one=one, other=other: one == other for one, other in both)
    elif how == "!=":
        yield from (lambda one=one: one != one for one in (left, right) if _type(one) is not float)  # noqa: PLR0124
    elif how == "in":
        yield lambda: left == Opaque()
        if _type(left) is not bool:
            yield from (lambda value=value: value in right for value in _islice(changed(left), MOST_AT_ONCE // 2))
    else:
        yield lambda: OPERATORS[OPPOSITES[how]](left, right)


def changed(value: Any, depth: int = DEPTH) -> Iterator[Any]:
    """Values of the same type that differ from it, in one place each; for what is no plain value, one unlike all."""
    kind = _type(value)
    if kind is bool:
        yield not value
    elif kind is int or kind is float:
        far = value + (1 + abs(value)) * _random.randint(FAR, 9 * FAR)
        yield far if far != value and far - far == 0 else 0.5
    elif kind is str:
        yield value + _word()
    elif kind is bytes:
        yield value + _word().encode("ascii")
    elif kind in (list, tuple, dict, set, frozenset) and depth:
        yield from _containers(value, kind, depth)
    else:
        yield Opaque()


def _containers(value: Any, kind: Any, depth: int) -> Iterator[Any]:
    if not value:
        yield {_word(): 0} if kind is dict else kind([_word()])
    elif kind is dict:
        for key in _shuffled(list(value)):
            yield from ({**value, key: other} for other in changed(value[key], depth - 1))
    elif kind is list or kind is tuple:
        for at in _shuffled(list(range(len(value)))):
            yield from (value[:at] + kind([other]) + value[at + 1 :] for other in changed(value[at], depth - 1))
    else:
        yield from ((value - {one}) | {_word()} for one in _shuffled(list(value)))


def _shuffled(items: List[Any]) -> List[Any]:
    """All of them when they are few; in an order that differs from run to run, so that what is left out does too."""
    _random.shuffle(items)
    return items


def _word() -> str:
    return "".join(_random.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(8))
