"""The words the model sees, as files."""

from importlib.resources import files


def prompt(name: str) -> str:
    """The text of one prompt file, without surrounding blank lines. Raises FileNotFoundError for an unknown name."""
    return (files(__package__) / f"{name}.md").read_text(encoding="utf-8").strip()
