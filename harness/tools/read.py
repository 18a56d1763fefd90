"""`read`: the lines of a file, or the entries of a folder, without starting a process."""

from collections.abc import Sequence

from pydantic import Field

from harness.tools.contract import Arguments, Reach, Tool, ToolResult
from harness.tools.text import Shown, readable, shorten
from sandbox.contract import FileStat

MOST_BYTES = 2 * 1024**2
MOST_LINES = 1_000
MOST_ENTRIES = 500


class ReadArguments(Arguments):
    """A path in the repository and, for a file, the first and last line wanted."""

    path: str = Field(description='File or folder, relative to the root of the repository ("." is the root).')
    first_line: int = Field(default=1, ge=1, description="First line wanted, counted from 1.")
    last_line: int | None = Field(default=None, ge=1, description="Last line wanted; left out: as many as fit.")


def run(reach: Reach, arguments: ReadArguments) -> ToolResult:
    """The file's lines with their numbers, or the folder's entries."""
    stat = reach.sandbox.stat(arguments.path)
    if stat.kind == "directory":
        return _folder(reach, arguments.path)
    data = reach.sandbox.read(arguments.path, MOST_BYTES)
    if b"\0" in data[:8192]:
        return ToolResult(content=f"{arguments.path} is a binary file of {stat.size} bytes", summary=arguments.path)
    shown = _lines(data, stat, arguments)
    return ToolResult(
        content=shown.text,
        summary=arguments.path,
        produced_bytes=len(data),
        kept_bytes=min(shown.kept_bytes, len(data)),
    )


def _folder(reach: Reach, path: str) -> ToolResult:
    entries = reach.sandbox.list(path)
    names = [entry.path + ("/" if entry.kind == "directory" else "") for entry in entries]
    shown = names[:MOST_ENTRIES]
    if len(names) > len(shown):
        shown.append(f"[{len(names) - len(shown)} further entries not shown]")
    return ToolResult(
        content="\n".join(shown) or "[the folder is empty]",
        summary=path,
        produced_bytes=_bytes_of(names),
        kept_bytes=_bytes_of(names[:MOST_ENTRIES]),
    )


def _bytes_of(lines: Sequence[str]) -> int:
    """Their length as UTF-8, an end of line each."""
    return sum(len(line.encode(errors="replace")) + 1 for line in lines)


def _lines(data: bytes, stat: FileStat, arguments: ReadArguments) -> Shown:
    lines = readable(data).split("\n")
    if lines[-1] == "":
        lines.pop()
    first = arguments.first_line
    last = min(arguments.last_line or len(lines), first + MOST_LINES - 1, len(lines))
    if first > len(lines):
        return Shown(text=f"[{arguments.path} has {len(lines)} lines; none from line {first} on]", kept_bytes=0)
    body = "\n".join(f"{number}\t{lines[number - 1]}" for number in range(first, last + 1))
    notes = []
    if stat.size > len(data):
        notes.append(f"[only the first {len(data)} of {stat.size} bytes were read]")
    if last < len(lines):
        notes.append(f"[lines {last + 1} to {len(lines)} not shown; ask for them with first_line]")
    shown = shorten(body, head=16_000, tail=4_000)
    wanted = _bytes_of(lines[first - 1 : last])  # without the numbers, which are ours
    return Shown(text="\n".join([shown.text, *notes]), kept_bytes=min(shown.kept_bytes, wanted))


READ = Tool(
    name="read",
    description="Read a text file with line numbers, or list a folder.",
    arguments=ReadArguments,
    run=run,
    reads_only=True,
    work="read",
)
