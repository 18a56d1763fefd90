"""What the trials of a run start from, made ready before any of them begins."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from harness.commands.session import Session
from harness.errors import ConfigError, InfraError
from harness.features import Feature
from harness.interrupt import Interrupts
from harness.prepare import Prepared, prepare
from harness.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What trials start from, and why there is nothing to start from, by feature key."""

    prepared: Mapping[str, Prepared]
    failed: Mapping[str, InfraError]


def prepare_features(
    features: Iterable[Feature], session: Session, progress: Progress, interrupts: Interrupts
) -> Features:
    """Environments and checkouts, before any trial's clock starts; of every feature, unless it is interrupted.

    A feature that cannot be prepared leaves the others theirs. Raises InfraError when none can be, ConfigError.
    """
    prepared: dict[str, Prepared] = {}
    failed: dict[str, InfraError] = {}
    with suppress(KeyboardInterrupt), session.clearing(), interrupts.raising():
        for feature in features:
            if interrupts.flag.is_set():
                break
            progress.say(f"preparing {feature.key}")
            try:
                prepared[feature.key] = prepare(feature, session.provider, session.checkouts, progress.say)
            except InfraError as error:
                progress.say(str(error))
                failed[feature.key] = error
            else:
                check_source(prepared[feature.key])
    if failed and not prepared and not interrupts.flag.is_set():
        raise next(iter(failed.values()))
    return Features(prepared=prepared, failed=failed)


def check_source(prepared: Prepared) -> None:
    """Raise ConfigError when the manifest was made from another source tree: its lists would grade something else."""
    feature, manifest = prepared.feature, prepared.feature.manifest
    made_from = manifest.made_from.get("snapshot") if manifest else None
    if made_from not in (None, prepared.snapshot.digest):
        raise ConfigError(
            f"{feature.key}: the source is not the one that manifest.json was made from; "
            f"run `splitclock validate {feature.key}` with the same --source and --working-tree"
        )
