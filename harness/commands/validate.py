"""`splitclock validate`: show that features can be built and are not built yet, and write their manifests."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from harness.commands import options
from harness.commands.options import SandboxKind
from harness.commands.session import Session, open_session, output, print_json, roots, say
from harness.errors import ConfigError, InfraError
from harness.features import Feature
from harness.fixtures import load_features, parse_overrides, write_manifest
from harness.validate import Validation, validate_feature


def command(
    features: Annotated[
        list[str] | None,
        typer.Argument(metavar="TARGET|FEATURE", help='Such as "bookings", "bookings/waitlist", "./my/target".'),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All bundled targets, and those of --fixtures.")] = False,
    runs: Annotated[int, typer.Option("--runs", min=1, help="Runs of each of the three states.")] = 3,
    dry: Annotated[bool, typer.Option("--dry", help="Write no manifest.")] = False,
    sandbox: options.Sandbox = SandboxKind.DOCKER,
    source: options.Sources = None,
    working_tree: options.WorkingTrees = None,
    fixtures: options.Fixtures = None,
    as_json: options.Json = False,
) -> int:
    """Run the suite at base, at base + hidden tests, and at base + reference + hidden tests; write manifest.json.

    Example: splitclock validate bookings/waitlist
    """
    patterns = ["*/*"] if everything else list(features or ())
    if not patterns:
        raise ConfigError("validate: name a target or a feature, or use --all")
    found = load_features(roots(fixtures), patterns, parse_overrides(source or (), working_tree or ()))
    session = open_session(sandbox)
    done, broken = [], []
    for feature in found:
        try:
            with session.clearing():
                done.append((feature, _validate(feature, session, runs=runs, write=not dry)))
        except (ConfigError, InfraError) as error:  # the others are still looked at
            say(f"{feature.key}: {error}")
            broken.append(error)
    if as_json:
        print_json({"schema": 1, "features": [_row(feature, result) for feature, result in done]})
    elif done:
        output().print(_table(done))
    if broken:
        raise broken[0]
    return 0 if all(result.manifest is not None for _, result in done) else 1


def _validate(feature: Feature, session: Session, *, runs: int, write: bool) -> Validation:
    def tell(line: str) -> None:
        say(f"{feature.key}: {line}")

    result = validate_feature(feature, session.provider, session.checkouts, tell, runs=runs)
    for line in (*result.problems, *result.notes):
        tell(line)
    if result.manifest is not None and write:
        write_manifest(feature, result.manifest)
    return result


def _row(feature: Feature, result: Validation) -> dict[str, object]:
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
    }


def _table(done: list[tuple[Feature, Validation]]) -> Table:
    table = Table(box=None)
    for name in ("feature", "ok", "fail to\npass", "re-\ngained", "pass to\npass", "flaky", "suite"):
        table.add_column(name, no_wrap=True)
    for feature, result in done:
        manifest = result.manifest
        figures = [""] * 5
        if manifest is not None:
            counts = (manifest.fail_to_pass, manifest.regained, manifest.pass_to_pass, manifest.flaky)
            least, most = manifest.duration_s
            figures = [*(str(len(ids)) for ids in counts), f"{least:.1f} to {most:.1f} s"]
        verdict = Text("yes", style="green") if manifest is not None else Text("no", style="bold red")
        table.add_row(Text(feature.key), verdict, *figures)
    return table
