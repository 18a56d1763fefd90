"""What a command line needs to know of a sandbox, asked before any code of the application runs there."""

from collections.abc import Mapping

from sandbox.contract import Command, Sandbox

_WHITELIST = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_PROBE = 'p=$(command -v "$0") || exit 1; printf "%s\\0" "$p"; for n; do eval "printf \'%s\\0\' \\"\\${$n-}\\""; done'
_DEADLINE_S = 60


def look_around(box: Sandbox, program: str) -> tuple[str, Mapping[str, str]] | None:
    """The absolute path of a program and the whitelisted variables; None when the PATH has no such program."""
    result = box.run(Command(argv=("/bin/sh", "-c", _PROBE, program, *_WHITELIST), deadline_s=_DEADLINE_S))
    path, *values = (result.stdout.head + result.stdout.tail).decode("utf-8", "surrogateescape").split("\0")
    if result.exit_code != 0 or not path.startswith("/"):
        return None
    return path, {name: value for name, value in zip(_WHITELIST, values, strict=False) if value}
