"""Every error the harness raises: what went wrong, whose it is, and the exit code it ends a command with."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar


class HarnessError(Exception):
    """An error with one line that names the thing and the next step. `exit_code` ends the command."""

    exit_code: ClassVar[int] = 1


class ConfigError(HarnessError):
    """What the user wrote cannot be used; `problems` holds one line each, all of them at once."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class InfraError(HarnessError):
    """Docker, the disk, or the machine failed: a retry may work, and it is never held against a model."""

    exit_code = 4


class ProviderError(HarnessError):
    """A model's provider failed: a retry may work, and it is never held against the model's ability."""

    exit_code = 5


class InterruptedRunError(HarnessError):
    """The user stopped the run."""

    exit_code = 130


@contextmanager
def blame(kind: type[HarnessError], doing: str, *causes: type[Exception]) -> Iterator[None]:
    """Type what crosses a boundary: any of `causes` becomes `kind`, prefixed by what was being done."""
    try:
        yield
    except causes as error:
        raise kind(f"{doing}: {error}") from error
