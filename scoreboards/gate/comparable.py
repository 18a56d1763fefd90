"""Whether two sides were measured alike: every difference between their facts, in words. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.untrusted import one_line
from scoreboards.gate.facts import DIGESTS, Facts, Key, Place, Scope
from scoreboards.gate.findings import Differs
from scoreboards.gate.policy import Difference

MOST_LINES = 6
"""Differences of one kind that are told one by one."""

_MOST_NAMED = 3
_SHOWN = 60
_LIKE = 0.05  # of memory: two machines of a kind do not leave quite the same to their guests
_GIB = 2**30
_PLANNED = (
    Difference.TARGET,
    Difference.MANIFEST,
    Difference.BRIEF,
    Difference.LIMITS,
    Difference.SCRIPT,
    Difference.MODEL,
)
"""Kinds that only plans tell of."""

Values = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unlike:
    """A fact that has other values on the other side, or several on one."""

    key: Key
    before: Values
    after: Values


def differences(
    baseline: Facts, candidate: Facts, pairs: Mapping[str, str], allow: Collection[Difference]
) -> tuple[Differs, ...]:
    """What is not the same of two sides, for the models that are compared and the features that both have."""
    unlike = tuple(_unlike(baseline, candidate, pairs))
    found = [*_features(baseline, candidate), *_in_words(unlike), *_untold(baseline, candidate, pairs)]
    if not any(one.key.planned for one in unlike) and not (baseline.untold or candidate.untold):
        found += _other_ids(baseline, candidate, pairs)
    order = {kind: place for place, kind in enumerate(Difference)}
    found.sort(key=lambda one: order[one[0]])
    return tuple(Differs(kind=kind, words=words, allowed=kind in allow) for kind, words in _shortened(found))


def _unlike(baseline: Facts, candidate: Facts, pairs: Mapping[str, str]) -> Iterator[_Unlike]:
    known = not baseline.untold and not candidate.untold
    for key in dict.fromkeys((*baseline.values, *(_theirs(key, pairs) for key in candidate.values))):
        other = key._replace(subject=pairs.get(key.subject, "")) if key.scope is Scope.MODEL else key
        if not _is_compared(key, baseline, candidate, pairs) or (key.planned and not known):
            continue
        before, after = frozenset(baseline.values.get(key, ())), frozenset(candidate.values.get(other, ()))
        told = (before and after) or key.planned or key.needed
        if told and not _alike(key, before | after, both=bool(before and after)):
            yield _Unlike(key=key, before=before, after=after)


def _theirs(key: Key, pairs: Mapping[str, str]) -> Key:
    """A fact of a candidate's model under the name of the baseline's that it is compared with."""
    if key.scope is not Scope.MODEL:
        return key
    return key._replace(subject=next((one for one, other in pairs.items() if other == key.subject), ""))


def _is_compared(key: Key, baseline: Facts, candidate: Facts, pairs: Mapping[str, str]) -> bool:
    match key.scope:
        case Scope.MODEL:
            return key.subject in pairs
        case Scope.FEATURE:
            return key.subject in baseline.features and key.subject in candidate.features
    return True


def _alike(key: Key, values: Values, *, both: bool) -> bool:
    if key.what == "sandbox.memory_bytes" and all(one.isdigit() and int(one) > 0 for one in values):
        sizes = [int(one) for one in values]
        return both and max(sizes) <= min(sizes) * (1 + _LIKE)
    return both and len(values) == 1


def _features(baseline: Facts, candidate: Facts) -> Iterator[tuple[Difference, str]]:
    for side, mine, theirs in (
        ("baseline", baseline.features, candidate.features),
        ("candidate", candidate.features, baseline.features),
    ):
        alone = [name for name in mine if name not in theirs]
        if alone:
            yield Difference.FEATURES, f"only the {side} has {_named(alone)}"


def _in_words(unlike: Iterable[_Unlike]) -> Iterator[tuple[Difference, str]]:
    """A line for each fact; of features one for all whose values differ in the same way."""
    groups: dict[tuple[object, ...], list[_Unlike]] = {}
    shown: tuple[object, object]
    for one in unlike:
        shown = (bool(one.before), bool(one.after)) if _is_digest(one.key) else (one.before, one.after)
        subject = one.key.subject if one.key.scope is Scope.MODEL else ""
        groups.setdefault((one.key.kind, one.key.scope, subject, one.key.what, *shown), []).append(one)
    for group in groups.values():
        yield group[0].key.kind, _words(group)


def _words(group: list[_Unlike]) -> str:
    first = group[0]
    key = first.key
    name = one_line(key.what, _SHOWN)
    if key.scope is Scope.MODEL:
        name = f"model `{one_line(key.subject, _SHOWN)}`: {name}"
    if key.scope is Scope.FEATURE:
        name = f"{name} of {_named([one.key.subject for one in group])}"
    if not _is_digest(key):
        return f"{name}: {_shown(key, first.before)} -> {_shown(key, first.after)}"
    if not first.before or not first.after:
        return f"{name}: only the {'baseline' if first.before else 'candidate'} has it"
    mixed = [side for side, values in (("baseline", first.before), ("candidate", first.after)) if len(values) > 1]
    among = f", and not the same in all of the {' and '.join(mixed)}" if mixed else ""
    return f"{name}: not the same content{among}"


def _is_digest(key: Key) -> bool:
    return key.what in DIGESTS or key.kind in {Difference.SCRIPT, Difference.ENVIRONMENT}


def _shown(key: Key, values: Values) -> str:
    if not values:
        return "not set" if key.planned else "not known"
    return " and ".join(one_line(_readable(key, one), _SHOWN) for one in sorted(values))


def _readable(key: Key, value: str) -> str:
    is_size = key.what.endswith("_bytes") and value.isdigit()
    return f"{int(value) / _GIB:.2f} GiB" if is_size else value


def _untold(baseline: Facts, candidate: Facts, pairs: Mapping[str, str]) -> Iterator[tuple[Difference, str]]:
    """What old plans do not tell; nothing where the ids, which are made of all of it, are the same."""
    runs = [*baseline.untold, *candidate.untold]
    same, other = _ids(baseline, candidate, pairs)
    if runs and (other or not same):
        why = "and its trials have other ids" if other else "and no trial of it is one of the other side's"
        for kind in _PLANNED:
            yield kind, f"not known: the plan of {one_line(runs[0], _SHOWN)} is too old to tell, {why}"


def _other_ids(baseline: Facts, candidate: Facts, pairs: Mapping[str, str]) -> Iterator[tuple[Difference, str]]:
    _, other = _ids(baseline, candidate, pairs)
    if other and all(one == two for one, two in pairs.items()):
        yield Difference.HARNESS, "trials have other ids, though their plans say the same: other versions made them"


def _ids(baseline: Facts, candidate: Facts, pairs: Mapping[str, str]) -> tuple[int, int]:
    """Of the trials that both sides planned, how many have the same id, and how many another one."""
    same = other = 0
    for place, ids in baseline.ids.items():
        if place.model in pairs:
            theirs = candidate.ids.get(Place(pairs[place.model], place.feature, place.repeat))
            same += theirs == ids
            other += theirs is not None and theirs != ids
    return same, other


def _named(names: Iterable[str]) -> str:
    known = [one_line(name, _SHOWN) for name in dict.fromkeys(names)]
    more = len(known) - _MOST_NAMED
    return ", ".join(known[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _shortened(found: Iterable[tuple[Difference, str]]) -> Iterator[tuple[Difference, str]]:
    by_kind: dict[Difference, list[str]] = {}
    for kind, words in found:
        by_kind.setdefault(kind, []).append(words)
    for kind, lines in by_kind.items():
        yield from ((kind, words) for words in lines[:MOST_LINES])
        if len(lines) > MOST_LINES:
            yield kind, f"and {len(lines) - MOST_LINES} more of this kind"
