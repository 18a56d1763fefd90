"""What one command of a command line does, from its words: the program, what it wraps, its subcommand."""

from collections.abc import Callable, Iterator, Mapping

from harness.work_tables import (
    DEAREST_FIRST,
    ITSELF,
    MODULES,
    NOTHING,
    PROGRAM,
    PROGRAMS,
    PYTHON,
    PYTHONS,
    SCRIPT,
    SCRIPT_ENDINGS,
    SHELLS,
    SUBCOMMANDS,
    TASK_RUNNERS,
    TASKS,
    VALUED,
    WRAPPERS,
    Wrapper,
)

CODE = "<code>"
"""Instead of a class: the text beside it is shell code of its own."""

MOST_WRAPPERS = 20
"""Programs before programs that are looked through."""

Words = tuple[str, ...]
Classes = Iterator[tuple[str, str]]
"""Classes of what a command does, "" for nothing worth a name; (CODE, text) for text that is a command line itself."""


def classes(words: Words, stdin: str = "") -> Classes:
    """The classes of a command given as words; `stdin` is the text it reads, where that is known."""
    return _parts(words, stdin, MOST_WRAPPERS)


def _parts(words: Words, stdin: str, most: int) -> Classes:
    if not words or most == 0:
        yield ("other" if words else NOTHING), ""
        return
    name, rest = _program(words[0]), words[1:]
    if name in WRAPPERS:
        yield from _wrapped(name, rest, stdin, most)
    elif name in SHELLS:
        yield from _shell(rest, stdin)
    elif name == "eval":
        yield CODE, " ".join(rest)
    elif name in SUBCOMMANDS:
        yield from _subcommand(name, rest, most)
    else:
        yield from _plain(words, name, most)


def _plain(words: Words, name: str, most: int) -> Classes:
    rest = words[1:]
    if name in _SPECIAL:
        yield _SPECIAL[name](rest), ""
    elif name in PYTHONS:
        yield _python(rest, VALUED["python"], most), ""
    elif name in TASK_RUNNERS:
        yield _tasks(name, rest), ""
    else:
        yield PROGRAMS.get(name) or _unnamed(words[0], name), ""
    if name in _EXECUTE:
        yield from _executed(rest, _EXECUTE[name], most)


def _program(word: str) -> str:
    """A program's name without its folder and version: `/usr/bin/python3.11` is `python`."""
    base = word.rsplit("/", 1)[-1]
    if base in PROGRAMS or base in WRAPPERS:
        return base
    return base.rstrip("0123456789.-") or base


def _unnamed(word: str, name: str) -> str:
    """What the tables give no class: a script of the project, by the words in its name; nothing; or "other"."""
    if word.endswith(SCRIPT_ENDINGS) or ("/" in word and not word.startswith("/")):
        return task(name) or "run"
    return PROGRAMS.get(name, "other")


def task(name: str) -> str:
    """The class of a task or script by the words of its name: `lint:css`, `unit-test`, `build.sh`; "" unknown."""
    plain = name[:200].lower()
    for mark in ":-_./":
        plain = plain.replace(mark, " ")
    return _dearest({TASKS[word] for word in plain.split() if word in TASKS})


def _dearest(found: set[str]) -> str:
    return next((work for work in DEAREST_FIRST if work in found), NOTHING)


# -- programs that run others ----------------------------------------------------------------------------------------


def _wrapped(name: str, rest: Words, stdin: str, most: int) -> Classes:
    wrapper = WRAPPERS[name]
    if name == "command" and rest[:1] in {("-v",), ("-V",)}:
        yield "read", ""
        return
    inner = _after_options(rest, wrapper)[wrapper.own :]
    if inner:
        yield from _parts(inner, stdin, most - 1)
    else:
        yield wrapper.bare, ""


def _after_options(words: Words, wrapper: Wrapper) -> Words:
    """The words from the first that is no option of the wrapper, nor an option's value or an assignment."""
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--":
            return words[at + 1 :]
        if word.startswith("-") and len(word) > 1:
            at += 2 if word in wrapper.valued else 1
        elif wrapper.assigns and "=" in word:
            at += 1
        else:
            break
    return words[at:]


def _shell(rest: Words, stdin: str) -> Classes:
    """`sh -c CODE`, `bash script.sh`, or a shell that reads its code from a heredoc."""
    for at, word in enumerate(rest):
        if word.startswith("-") and not word.startswith("--") and "c" in word:
            yield CODE, next(iter(rest[at + 1 :]), "")
            return
        if not word.startswith("-") and rest[at - 1 : at] != ("-o",):
            yield task(word.rsplit("/", 1)[-1]) or "run", ""
            return
    yield (CODE, stdin) if stdin else ("run", "")


def _subcommand(name: str, rest: Words, most: int) -> Classes:
    table = SUBCOMMANDS[name]
    options = Wrapper(valued=VALUED.get(name, ()))
    after = _after_options(rest, options)
    word = after[0] if after else next(iter(rest), "")
    work = table.get(word) or (table.get("*", "other") if word else table.get("", "other"))
    if work == PYTHON:
        yield _python(after[1:], options.valued, most), ""
    elif work == ITSELF:
        yield from _parts(after, "", most - 1)
    elif work in {SCRIPT, PROGRAM}:
        inner = _after_options(after[1:], options) if word in table else after
        yield from _script(inner, most) if work == SCRIPT else _parts(inner, "", most - 1)
    else:
        yield work, ""


def _script(words: Words, most: int) -> Classes:
    """`npm run lint`, `uv run mypy`: a task of the project by its name, or a known program, or just "run"."""
    if not words or task(words[0]):
        yield (task(words[0]) if words else "run"), ""
        return
    for work, text in _parts(words, "", most - 1):
        yield ("run" if work == "other" else work), text


def _python(rest: Words, valued: Words, most: int) -> str:
    """`python -m pytest` is pytest; a script, code on the command line and code on standard input are "run"."""
    at = 0
    while at < len(rest) and rest[at].startswith("-") and rest[at] != "-":
        word = rest[at]
        if _is_cluster(word, "m"):
            return _module(rest[at + 1 :], most)
        if word.startswith("-m"):
            return _module((word[2:], *rest[at + 1 :]), most)
        if _is_cluster(word, "c"):
            return "run"
        at += 2 if word in valued else 1
    name = rest[at].rsplit("/", 1)[-1] if at < len(rest) else ""
    return _tasks(name, rest[at + 1 :]) if name in TASK_RUNNERS else PROGRAMS.get(name) or "run"


def _is_cluster(word: str, letter: str) -> bool:
    return word.startswith("-") and not word.startswith("--") and word.endswith(letter)


def _module(words: Words, most: int) -> str:
    if words and words[0] in MODULES:
        return MODULES[words[0]]
    known = [work for work, _ in _parts(words, "", most - 1)]
    return known[0] if known and known[0] not in {"other", NOTHING, CODE} else "run"


def _tasks(name: str, rest: Words) -> str:
    """The dearest of the tasks that a task runner is told; its usual work where none says anything."""
    usual = TASK_RUNNERS[name]
    words = _without_options(rest, VALUED.get(name, ()))
    return _dearest({task(word) or usual for word in words if "=" not in word}) or usual


def _without_options(words: Words, valued: Words) -> Iterator[str]:
    skip = False
    for word in words:
        if not skip and not word.startswith("-"):
            yield word
        skip = not skip and word in valued


# -- programs whose options decide -----------------------------------------------------------------------------------


def _in_place(rest: Words, takes_the_rest: str) -> bool:
    """Whether an option `i` is among the letters; after a letter that takes the rest of its word, none is."""
    clusters = (word[1:] for word in rest if word.startswith("-") and not word.startswith("--"))
    letters = (cluster[: _first_of(takes_the_rest, cluster)] for cluster in clusters)
    return any("i" in each for each in letters) or any(word.startswith("--in-place") for word in rest)


def _first_of(letters: str, text: str) -> int:
    return next((at for at, letter in enumerate(text) if letter in letters), len(text))


def _sed(rest: Words) -> str:
    return "edit" if _in_place(rest, "efl") else "read"


def _perl(rest: Words) -> str:
    return "edit" if _in_place(rest, "eEmMIxF") else "run"


def _node(rest: Words) -> str:
    return "test" if any(word == "--test" or word.startswith("--test-") for word in rest) else "run"


def _tee(rest: Words) -> str:
    files = [word for word in rest if not word.startswith(("-", "/dev/"))]
    return "edit" if files else "read"


_SPECIAL: Mapping[str, Callable[[Words], str]] = {
    "sed": _sed,
    "perl": _perl,
    "node": _node,
    "nodejs": _node,
    "tee": _tee,
}

_EXECUTE: Mapping[str, frozenset[str]] = {
    "find": frozenset({"-exec", "-execdir", "-ok", "-okdir"}),
    "fd": frozenset({"-x", "-X", "--exec", "--exec-batch"}),
    "fdfind": frozenset({"-x", "-X", "--exec", "--exec-batch"}),
}
"""Programs that run another one for what they find, after one of these words."""


def _executed(rest: Words, signs: frozenset[str], most: int) -> Classes:
    if "-delete" in rest:
        yield "edit", ""
    for at, word in enumerate(rest):
        if word in signs:
            inner = rest[at + 1 :]
            end = next((place for place, each in enumerate(inner) if each in {";", "+"}), len(inner))
            yield from _parts(inner[:end], "", most - 1)
            return
