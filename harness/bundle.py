"""What comes with Splitclock: targets and example matrices, in an installed wheel or a source checkout."""

from pathlib import Path

from harness.errors import ConfigError


def home() -> Path:
    """The folder that holds `fixtures` and `examples`."""
    package = Path(__file__).resolve().parent
    return package / "bundled" if (package / "bundled").is_dir() else package.parent


def example(name: str) -> Path:
    """A bundled example file. Raises ConfigError when this installation lacks it."""
    path = home() / "examples" / name
    if not path.is_file():
        raise ConfigError(f"{path} is missing from this installation; install splitclock again")
    return path
