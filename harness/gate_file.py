"""The policy file of a gate, and what a command line adds to it."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.edge import MAX_FILE_BYTES
from harness.errors import ConfigError
from harness.untrusted import one_line
from scoreboards.gate.policy import Difference, Policy, parse_policy


def read_policy(path: Path | None, allow: Iterable[Difference] = ()) -> Policy:
    """The policy of a file, the defaults without one, that allows these differences too. Raises ConfigError."""
    policy = Policy() if path is None else parse_policy(_text(path), str(path))
    more = tuple(one for one in dict.fromkeys(allow) if one not in policy.comparable.allow)
    if not more:
        return policy
    comparable = policy.comparable.model_copy(update={"allow": (*policy.comparable.allow, *more)})
    return policy.model_copy(update={"comparable": comparable})


def read_pairs(models: Iterable[str]) -> Mapping[str, str] | None:
    """Which model is compared with which, from NAME or BASELINE=CANDIDATE each; None where nothing is said.

    Raises ConfigError where a model is named twice.
    """
    pairs: dict[str, str] = {}
    for text in models:
        base, _, candidate = text.partition("=")
        if not base or (candidate == "" and "=" in text):
            raise ConfigError(f"--model {one_line(text, 60)}: give NAME, or BASELINE=CANDIDATE")
        if base in pairs:
            raise ConfigError(f"--model {one_line(base, 60)}: is named twice")
        pairs[base] = candidate or base
    return pairs or None


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path}: cannot be read: it is no file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path}: is larger than {MAX_FILE_BYTES} bytes")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; examples/gate.toml has every setting") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
