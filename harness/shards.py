"""A matrix divided among machines: which trial is in which shard. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Self

from harness.errors import ConfigError
from harness.plan import Trial

MOST = 10_000
"""Shards of one matrix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """The `number`-th (from 1) of `of` parts of a matrix."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The shard that "2/8" means. Raises ConfigError."""
        found = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", text)
        number, of = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= number <= of <= MOST:
            why = f"the first number should be from 1 to the second, that at most {MOST}; " if found else ""
            raise ConfigError(f"--shard {text}: {why}write --shard 2/8 for the second of eight parts")
        return cls(number=number, of=of)

    def __str__(self) -> str:
        """As it is written on a command line."""
        return f"{self.number}/{self.of}"


def shards(trials: Iterable[Trial], of: int) -> dict[str, int]:
    """For each trial's id the number of its shard.

    Trials are dealt out like cards, feature by feature and repeat by repeat, the models of each in an order that a hash
    decides: so shards differ by one trial at most, also within a feature, and no model always meets the same machine.
    The names of models and features and the repeats decide alone: neither their order in the matrix nor a changed
    parameter moves a trial to another shard.
    """
    dealt = sorted(trials, key=_rank)
    return {trial.id: 1 + place % of for place, trial in enumerate(dealt)}


def _rank(trial: Trial) -> tuple[str, int, bytes]:
    name = f"{trial.feature.key}\0{trial.repeat}\0{trial.model}".encode()
    return trial.feature.key, trial.repeat, blake2b(name, digest_size=8).digest()
