"""What a run planned, as its folder keeps it."""

import json
from pathlib import Path
from typing import Any

from harness.errors import ConfigError
from harness.run_folder import RunFolder


def planned_rows(run: Path) -> list[dict[str, Any]]:
    """The trials that a run planned. Raises ConfigError when the folder is not a run's."""
    path = RunFolder(root=run).plan
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return list(document["trials"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{run}: is not a run folder, or its run did not get as far as a plan: {error}") from error
