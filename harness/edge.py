"""Files that users write, read strictly: every problem on one line with its file and field, all of them at once."""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Generic, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from harness.errors import ConfigError

MAX_FILE_BYTES = 16 * 1024**2
"""Files larger than this are refused before they are parsed."""

_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,6})?) ?([kmgt]?)(?:i?b)?", re.IGNORECASE)
_LEAST_BYTES = 16 * 1024**2
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_SHOWN = 60
_LINE = 600
_LONGEST_NAME = 255

FileT = TypeVar("FileT", bound="Strict")


class Strict(BaseModel):
    """A table of a user's file: unknown keys and wrong types are errors, nothing is coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed(Generic[FileT]):
    """What could be read: `value` from the fields that are right (None when a required one is not), and the problems.

    `bad` are the top-level fields left out, so that nobody complains twice about one of them.
    """

    value: FileT | None
    problems: tuple[str, ...] = ()
    bad: frozenset[str] = frozenset()


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The question "did you mean `x`?" after a semicolon, when one of `known` is close to `word`, else ""."""
    close = get_close_matches(word, tuple(known), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises ConfigError with the line of a syntax error."""
    data: dict[str, Any] = _read(path, tomllib.loads, "TOML")
    return data


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds. Raises ConfigError."""
    data = _read(path, json.loads, "JSON")
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: should hold one JSON object")
    return data


def _read(path: Path, parse: Callable[[str], Any], kind: str) -> Any:
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path}: cannot be read: it is no file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path}: is larger than {MAX_FILE_BYTES} bytes")
        return parse(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is not valid {kind}: {error}") from error


def parse(model: type[FileT], data: Mapping[str, Any], file: str, table: str = "") -> Parsed[FileT]:
    """Check `data`, the contents of a `table` of a `file` (or all of it), against `model`; both begin every problem.

    The fields that are right are read even when others are not, so that later checks can speak up in the same go.
    """
    try:
        return Parsed(value=model.model_validate(dict(data)))
    except ValidationError as error:
        problems = tuple(dict.fromkeys(_line(model, one, file, table) for one in error.errors(include_url=False)))
        bad = frozenset(str(one["loc"][0]) for one in error.errors() if one["loc"])
    rest = {key: value for key, value in data.items() if key not in bad}
    try:
        return Parsed(value=model.model_validate(rest), problems=problems, bad=bad)
    except ValidationError:
        return Parsed(value=None, problems=problems, bad=bad)


def parse_or_raise(model: type[FileT], data: Mapping[str, Any], file: str) -> FileT:
    """As `parse`, for callers with nothing more to check. Raises ConfigError with every problem."""
    parsed = parse(model, data, file)
    if parsed.value is None or parsed.problems:
        raise ConfigError(*parsed.problems)
    return parsed.value


def _line(model: type[BaseModel], error: Mapping[str, Any], file: str, table: str) -> str:
    loc = [str(part) for part in error["loc"]]
    field = ".".join([table, *loc] if table else loc)
    line = ": ".join(part for part in (file, _cut(field, 2 * _SHOWN), _message(model, error, loc)) if part)
    return "".join(character if character.isprintable() else "?" for character in _cut(line, _LINE))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + "..."


def _message(model: type[BaseModel], error: Mapping[str, Any], loc: list[str]) -> str:
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "extra_forbidden":
        known = keys_of(model, loc[:-1])
        return f"unknown key{did_you_mean(loc[-1], known) or '; known: ' + ', '.join(known)}"
    if error["type"] == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    if error["type"] in {"too_short", "string_too_short"} and not error["input"]:
        return "is empty"
    said = str(error["msg"]).removeprefix("Input ").removeprefix("Value ").removeprefix("List ")
    return f"{said.replace('valid dictionary', 'table')}, not {shown(error['input'])}"


def shown(value: Any) -> str:
    """A value as an error line shows it: short, on one line."""
    if isinstance(value, dict | BaseModel):
        return "a table"
    return _cut(json.dumps(value, ensure_ascii=True, default=str), _SHOWN)


def keys_of(model: type[BaseModel], path: Iterable[str] = ()) -> tuple[str, ...]:
    """The keys that the table at `path` below `model` knows, in order."""
    for part in path:
        known = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        model = next((kind for kind in _kinds(known.get(part)) if issubclass(kind, BaseModel)), model)
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _kinds(annotation: Any) -> list[type]:
    return [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]


def user_path(text: str | Path) -> Path:
    """A path as a user writes it, "~" for the home folder where there is one."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def canonical_json(value: Any) -> bytes:
    """JSON with one spelling per value: sorted keys, no spaces, ASCII. Raises TypeError or ValueError outside JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _schema_one(value: Any) -> Any:
    if value != 1 or isinstance(value, bool):
        raise ValueError(f"is {shown(value)}; this Splitclock reads schema 1")
    return value


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(f"`{value}` should be lower-case letters, digits, `-`, `_` and `.`, a letter or digit first")
    return value


def byte_size(value: object) -> int:
    """Bytes from a number or from text such as "512m" or "2g" (powers of 1,024). Raises ValueError."""
    match = _SIZE.fullmatch(str(value)) if isinstance(value, int | str) and not isinstance(value, bool) else None
    if match is None:
        raise ValueError(f'{shown(value)} is no size; write "512m" or "2g"')
    size = int(Decimal(match[1]) * _UNITS[match[2].lower()])
    if size < _LEAST_BYTES:
        raise ValueError(f'{shown(value)} is less than 16m; write "512m" or "2g"')
    return size


def local_path(value: str) -> str:
    """A path that the operating system can be asked about. Raises ValueError."""
    if "\0" in value or any(len(part.encode()) > _LONGEST_NAME for part in PurePosixPath(value).parts):
        raise ValueError(f"{shown(value)} cannot be a path here")
    return value


def relative_path(value: str) -> str:
    """A path below some folder, with "/" between parts and no trailing slash. Raises ValueError."""
    path = PurePosixPath(local_path(value))
    if not value.strip() or "\\" in value:
        raise ValueError(f"{shown(value)} is no relative path with `/` between its parts")
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"`{value}` should be relative, without `..`")
    if path == PurePosixPath():
        raise ValueError(f"`{value}` names the whole tree; name files or folders in it")
    return str(path)


SchemaOne = Annotated[int, BeforeValidator(_schema_one)]
"""The number of a file's form: 1 today."""
Name = Annotated[str, AfterValidator(_name)]
"""A name that is safe as a folder, a label and an argument."""
ByteSize = Annotated[int, BeforeValidator(byte_size)]
"""A number of bytes, written "512m" or "2g"."""
RelativePath = Annotated[str, AfterValidator(relative_path)]
"""A path below a folder, normalised."""
