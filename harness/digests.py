"""Digests of what a feature is measured by: they decide trial ids, and tell a stale manifest."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any

from harness.edge import canonical_json
from harness.errors import ConfigError
from harness.features import Feature, SecondRun, Target
from harness.fixtures import script_path
from sandbox.contract import CACHES, DiskQuota, File, fingerprint

_LEFT_OVER = CACHES | {".DS_Store"}
_ADDED: Mapping[str, object] = {
    "probes": True,
    "second_run": SecondRun.FAIL_TO_PASS,
    "disk_quota": DiskQuota.WATCH,
}
"""Settings that came later, by what they are where nobody sets them: then they are left out of digests."""


def hidden_tests(feature: Feature) -> tuple[File, ...]:
    """A feature's hidden tests by path in the workspace ("tests/..."); () for git targets, whose tests are in git.

    Raises ConfigError when one cannot be read.
    """
    if feature.target.source.git is not None:
        return ()
    root = feature.folder
    paths = sorted(path for path in (root / "tests").rglob("*") if path.is_file() and not _is_left_over(path, root))
    try:
        return tuple(_file(path, root) for path in paths)
    except OSError as error:
        raise ConfigError(f"{feature.key}: hidden tests cannot be read: {error}") from error


def black_box_tests(feature: Feature) -> tuple[File, ...]:
    """A feature's black-box tests by path in its folder, or in the target's, which its features share.

    Raises ConfigError when one cannot be read, or two have one path.
    """
    places = {
        (root, place)
        for root, name in feature.black_box_places()
        for place in (root / name, *(root / name).rglob("*"))
        if place.is_file() and not _is_left_over(place, root)
    }
    try:
        files = sorted((_file(path, root) for root, path in places), key=lambda file: file.path)
    except OSError as error:
        raise ConfigError(f"{feature.key}: black-box tests cannot be read: {error}") from error
    twice = next((one.path for one, other in pairwise(files) if one.path == other.path), "")
    if twice:
        raise ConfigError(f"{feature.key}: black_box: {twice} lies in the feature's folder and in its target's")
    return tuple(files)


def feature_digest(feature: Feature) -> str:
    """32 hex digits over all that a trial of the feature is measured by, but the source tree's own content.

    That is the brief, the hidden tests (for git targets the commits that hold them), the lists of the manifest, and the
    target's environment, suite, service and limits. Left out, since they change nothing that is measured: comments and
    descriptions, the reference solution, the manifest's durations, scripted turns.
    """
    return digest(asked_of(feature) | {"brief": feature.brief, "manifest": decided(feature)})


def manifest_inputs(feature: Feature) -> dict[str, str]:
    """What a manifest is made from beside the source tree, as digests for `Manifest.made_from`: tests and reference."""
    patch = feature.folder / "solution.patch"
    reference = patch.read_bytes() if patch.is_file() else b""
    return {
        "tests": digest(asked_of(feature)),
        "reference": feature.solution or blake2b(reference, digest_size=16).hexdigest(),
    }


def notes(feature: Feature) -> tuple[str, ...]:
    """What may be missing but had better be there, one line each: a manifest that is fresh, a reference solution."""
    problem = manifest_problem(feature)
    found = [problem] if problem else []
    if feature.target.source.git is None and not (feature.folder / "solution.patch").is_file():
        found.append(f"{feature.key}: no solution.patch, so nothing shows that the feature can be built")
    return tuple(found)


def manifest_problem(feature: Feature) -> str:
    """Why nothing can be graded by the feature's manifest, in one line; empty when it can."""
    if feature.manifest is None:
        return f"{feature.key}: no manifest.json; run `splitclock validate {feature.key}` first"
    if not feature.manifest.fail_to_pass:
        return (
            f"{feature.key}: manifest.json names no test that must newly pass; run `splitclock validate {feature.key}`"
        )
    made_from, now = feature.manifest.made_from, manifest_inputs(feature)
    changed = [name for name, digest_now in now.items() if made_from.get(name, digest_now) != digest_now]
    if changed:
        what = " and ".join({"tests": "tests or target settings"}.get(name, name) for name in changed)
        return f"{feature.key}: {what} changed since manifest.json was made; run `splitclock validate {feature.key}`"
    return ""


def trial_digests(
    features: Iterable[Feature], sources: Mapping[str, str], scripts: Iterable[str], settings: Mapping[str, str]
) -> dict[str, str]:
    """What `plan` wants: for each feature's key a digest, and one for each "key:script" of simulated models.

    `sources` maps a feature's key to the digest of its source snapshot; `scripts` are the names of the turns in use;
    `settings` is what else changes a measurement for all trials (kind of sandbox, prompts, tools).
    """
    found = {}
    for feature in features:
        whole = {"feature": feature_digest(feature), "source": sources[feature.key], "settings": dict(settings)}
        found[feature.key] = digest(whole)
        found |= {f"{feature.key}:{name}": _script(feature, name) for name in sorted(set(scripts))}
    return found


def digest(value: Any) -> str:
    """32 hex digits of BLAKE2b over a value's canonical JSON."""
    return blake2b(canonical_json(value), digest_size=16).hexdigest()


def asked_of(feature: Feature) -> dict[str, Any]:
    """Hidden tests and the target's settings, as plain JSON values; without black-box tests an empty list, as ever."""
    return {
        "base": feature.base,
        "solution": feature.solution,
        "test_paths": sorted(feature.test_paths),
        "black_box": {file.path: fingerprint(file) for file in black_box_tests(feature)} or [],
        "tests": {file.path: fingerprint(file) for file in hidden_tests(feature)},
        "target": _settings(feature.target),
    }


def _settings(target: Target) -> dict[str, Any]:
    dockerfile = target.environment.dockerfile
    return {
        "environment": asdict(target.environment),
        "dockerfile": None if dockerfile is None else _content(target.folder / dockerfile),
        "suite": _given(asdict(target.suite)),
        "service": None if target.service is None else asdict(target.service),
        "limits": _given(asdict(target.limits)),
    }


def _given(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without those that came later and are as before, so that older manifests and trial ids still stand."""
    return {name: value for name, value in settings.items() if name not in _ADDED or value != _ADDED[name]}


def decided(feature: Feature) -> dict[str, list[str]] | None:
    """The lists of the feature's manifest, as plain JSON values; None when it has no manifest."""
    made = feature.manifest
    if made is None:
        return None
    lists = ("fail_to_pass", "pass_to_pass", "regained", "flaky", "skipped")
    decided = {name: sorted(getattr(made, name)) for name in lists}
    compared = {"compared": [f"{one} {sorted(made.compared[one])}" for one in sorted(made.compared)]}
    probed = {f"probes.{kind}": sorted(ids) for kind, ids in made.probes.items()}
    return decided | probed | (compared if made.compared else {})


def _script(feature: Feature, name: str) -> str:
    """The digest of a script's file, or of what a script is made from that needs none: its name and the reference."""
    path = script_path(feature, name)
    return _content(path) if path.is_file() else digest([name, manifest_inputs(feature)["reference"]])


def _content(path: Path) -> str:
    try:
        return blake2b(path.read_bytes(), digest_size=16).hexdigest()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def _is_left_over(path: Path, root: Path) -> bool:
    return path.suffix == ".pyc" or not _LEFT_OVER.isdisjoint(path.relative_to(root).parts)


def _file(path: Path, root: Path) -> File:
    executable = bool(path.stat().st_mode & 0o100)
    return File(path=path.relative_to(root).as_posix(), data=path.read_bytes(), executable=executable)
