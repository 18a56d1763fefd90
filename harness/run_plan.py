"""plan.json: what a run planned, so that a later plan can be compared with it, and the run gone on with."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import ConfigError
from harness.run_folder import RunFolder
from harness.untrusted import one_line

SCHEMA = 2
"""Number of the file's form; 1 had trials only. Fields are only added."""

_MOST_WHY = 200


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class PlannedTrial(_Form):
    """Which trial: its id, the model by its name in the matrix, the feature's key, the repeat from 1 on."""

    id: str
    model: str
    feature: str
    repeat: int


class Elsewhere(PlannedTrial):
    """A trial of the same matrix that another shard runs."""

    shard: int


class Asked(_Form):
    """What the command line said beside the matrix file, paths absolute.

    `beside` is the folder of the matrix file, from which its paths are taken; `shard` is "2/8", "" for all of it.
    `max_cost` is in USD.
    """

    sandbox: str = "docker"
    fixtures: tuple[str, ...] = ()
    sources: dict[str, str] = {}
    working_trees: dict[str, str] = {}
    model: tuple[str, ...] = ()
    feature: tuple[str, ...] = ()
    repeats: int | None = None
    shard: str = ""
    allow_weakened: tuple[str, ...] = ()
    beside: str = ""
    max_cost: float | None = None


class RunPlan(_Form):
    """The trials of a run, and what their ids are made of, by part.

    `models` are the settings of each model that are measured, `features` the digests of each feature's parts, `limits`
    those of a trial, `settings` what else changes every measurement. All four are empty in plans of schema 1.
    """

    schema_: int = Field(default=SCHEMA, alias="schema", ge=1)
    matrix: str = ""
    trials: tuple[PlannedTrial, ...]
    elsewhere: tuple[Elsewhere, ...] = ()
    models: dict[str, dict[str, Any]] = {}
    features: dict[str, dict[str, str]] = {}
    limits: dict[str, Any] = {}
    settings: dict[str, str] = {}
    asked: Asked = Asked()

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the trials that the run itself has to do."""
        return frozenset(trial.id for trial in self.trials)

    @property
    def features_planned(self) -> tuple[str, ...]:
        """The keys of the features of all trials, those of other shards included, each once."""
        return tuple(dict.fromkeys(trial.feature for trial in (*self.trials, *self.elsewhere)))

    def document(self) -> dict[str, Any]:
        """What plan.json holds."""
        return self.model_dump(mode="json", by_alias=True)


def read_plan(run: Path) -> RunPlan:
    """The plan of a run folder. Raises ConfigError, in one line, when there is none that can be read."""
    path = RunFolder(root=run).plan
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        newer = (
            isinstance(document, Mapping) and isinstance(document.get("schema"), int) and document["schema"] > SCHEMA
        )
        plan = None if newer else RunPlan.model_validate(document)
    except FileNotFoundError as error:
        raise ConfigError(_no_plan(run)) from error
    except ValidationError as error:
        raise ConfigError(f"{path}: is damaged ({_why(error)}); {RESTORE}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is damaged: it is no JSON; {RESTORE}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}; make it readable") from error
    if plan is None:
        raise ConfigError(
            f"{path}: a newer Splitclock wrote this plan; this one reads up to schema {SCHEMA}: upgrade it"
        )
    return plan


def planned_rows(run: Path) -> list[dict[str, Any]]:
    """The trials that a run planned: "id", "model", "feature", "repeat". Raises ConfigError as `read_plan`."""
    return [trial.model_dump(mode="json") for trial in read_plan(run).trials]


RESTORE = "restore the run folder from a copy"
"""What to do about a file of a run that somebody or something changed."""


def _no_plan(run: Path) -> str:
    """What a folder without a plan is, and what to do about it."""
    if not run.is_dir():
        return f"{run}: no such folder; give the folder that `splitclock run` made"
    folder = RunFolder(root=run)
    if (run / "trials").is_dir():
        return f"{folder.plan}: is gone; {RESTORE}"
    if folder.journal.is_file():
        begin = f"splitclock run MATRIX --out {shlex.quote(str(run))}"
        return f"{run}: its run was ended before its trials were planned; `{begin}` begins it"
    return f"{run}: no run lies here (no {folder.plan.name}); give the folder that `splitclock run` made"


def _why(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return one_line(f"{where}: {first['msg']}" if where else str(first["msg"]), _MOST_WHY)
