"""`splitclock validate`: show that features can be built and are not built yet, and write their manifests."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from harness.commands import options
from harness.commands.options import SandboxKind
from harness.commands.parallel import each, refuse_interrupted
from harness.commands.session import Session, open_session, output, print_json, roots, say
from harness.commands.soundness import refuse_unsound, refuse_weakened
from harness.errors import ConfigError, InfraError
from harness.features import Feature
from harness.fixtures import load_features, parse_overrides, write_manifest
from harness.prepare import prepare
from harness.untrusted import one_line
from harness.validate import Validation, validate_feature
from sandbox.contract import SandboxProvider
from scoreboards import words


def command(
    features: Annotated[
        list[str] | None,
        typer.Argument(metavar="TARGET|FEATURE", help='Such as "bookings", "bookings/waitlist", "./my/target".'),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All bundled targets, and those of --fixtures.")] = False,
    runs: Annotated[int, typer.Option("--runs", min=1, help="Runs of each of the three states.")] = 3,
    dry: Annotated[bool, typer.Option("--dry", help="Write no manifest.")] = False,
    jobs: options.Jobs = 1,
    sandbox: options.Sandbox = SandboxKind.DOCKER,
    source: options.Sources = None,
    working_tree: options.WorkingTrees = None,
    fixtures: options.Fixtures = None,
    allow_weakened: options.Weakened = None,
    as_json: options.Json = False,
) -> int:
    """Run the suite at base, at base + hidden tests, and at base + reference + hidden tests; write manifest.json.

    Then the reference once more in other orders, a process a file (the second run), and with its new tests' assertions
    changed (the probes), as every pass will be.

    Example: splitclock validate bookings/waitlist
    """
    patterns = ["*/*"] if everything else list(features or ())
    if not patterns:
        raise ConfigError("validate: name a target or a feature, or use --all")
    found = load_features(roots(fixtures), patterns, parse_overrides(source or (), working_tree or ()))
    session = open_session(sandbox)
    allowed = tuple(allow_weakened or ())
    refuse_unsound(session.provider, found, allowed)
    with session.clearing():
        _look_at_engine(found, session, allowed)

    def one(feature: Feature, provider: SandboxProvider) -> _Done:
        began_ns = session.clock.now_ns()
        result, error = _validated(feature, replace(session, provider=provider), runs=runs, write=not dry)
        return _Done(feature=feature, result=result, error=error, took_ns=session.clock.now_ns() - began_ns)

    done = each(session, found, one, jobs)
    if as_json:
        print_json({"schema": 1, "features": [_row(one) for one in done]})
    elif done:
        output().print(_table(done))
    broken = next((one.error for one in done if one.error is not None), None)
    if broken is not None:
        raise broken
    return 0 if all(one.result.manifest is not None for one in done) else 1


def _look_at_engine(features: Iterable[Feature], session: Session, allowed: tuple[str, ...]) -> None:
    """Refuse an engine that weakens sandboxes, seen from the first environment that can be had at all."""
    for feature in features:
        try:
            image = prepare(feature, session.provider, session.checkouts, lambda _line: None).environment.digest
        except (ConfigError, InfraError):  # told when its turn comes
            continue
        refuse_weakened(session.provider, image, allowed)
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """One feature's validation, or the error that kept it from having one, and the nanoseconds that it took."""

    feature: Feature
    result: Validation
    took_ns: int
    error: ConfigError | InfraError | None = None

    @property
    def state(self) -> str:
        """One word for the table."""
        if self.error is not None:
            return "error"
        return "yes" if self.result.manifest is not None else "no"


def _validated(
    feature: Feature, session: Session, *, runs: int, write: bool
) -> tuple[Validation, ConfigError | InfraError | None]:
    try:
        return _validate(feature, session, runs=runs, write=write), None
    except (ConfigError, InfraError) as error:  # the others are still looked at
        say(f"{feature.key}: {error}")
        return Validation(problems=(one_line(str(error)),)), error


def _validate(feature: Feature, session: Session, *, runs: int, write: bool) -> Validation:
    def tell(line: str) -> None:
        say(f"{feature.key}: {line}")

    result = validate_feature(feature, session.provider, session.checkouts, tell, runs=runs)
    refuse_interrupted(session.provider)
    for line in (*result.problems, *result.notes):
        tell(line)
    if result.manifest is not None and write:
        write_manifest(feature, result.manifest)
    return result


def _row(done: _Done) -> dict[str, object]:
    feature, result = done.feature, done.result
    manifest = result.manifest
    return {
        "feature": feature.key,
        "ok": manifest is not None,
        "problems": list(result.problems),
        "fail_to_pass": None if manifest is None else len(manifest.fail_to_pass),
        "regained": None if manifest is None else len(manifest.regained),
        "pass_to_pass": None if manifest is None else len(manifest.pass_to_pass),
        "flaky": None if manifest is None else list(manifest.flaky),
        "duration_s": None if manifest is None else list(manifest.duration_s),
        "took_s": round(done.took_ns / 1e9, 3),
    }


def _table(done: Iterable[_Done]) -> Table:
    """A feature a row: whether it can be graded, its tests by kind, how long its suite and its validation took."""
    table = Table(box=None, pad_edge=False)
    for name in ("feature", "ok", "fail to\npass", "re-\ngained", "pass to\npass", "flaky", "suite", "took"):
        table.add_column(name, no_wrap=name != "feature", overflow="fold")
    for one in done:
        manifest = one.result.manifest
        figures = [""] * 5
        if manifest is not None:
            counts = (manifest.fail_to_pass, manifest.regained, manifest.pass_to_pass, manifest.flaky)
            least, most = manifest.duration_s
            figures = [*(str(len(ids)) for ids in counts), f"{least:.1f} to {most:.1f} s"]
        verdict = Text(one.state, style="green" if manifest is not None else "bold red")
        table.add_row(Text(one.feature.key), verdict, *figures, words.duration(one.took_ns))
    return table
