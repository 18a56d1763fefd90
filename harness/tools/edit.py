"""`edit`: replace one exact piece of a file, or create a file."""

from pydantic import Field

from harness.tools.contract import Arguments, Reach, Tool, ToolResult
from sandbox.contract import File
from sandbox.errors import FileAccessError

MOST_BYTES = 5 * 1024**2


class EditArguments(Arguments):
    """A path, the text that stands there now, and the text to put in its place."""

    path: str = Field(min_length=1, description="File, relative to the root of the repository.")
    old: str = Field(description='Text to replace, exactly as it stands, once in the file; "" creates a new file.')
    new: str = Field(description="Text to put there.")


def run(reach: Reach, arguments: EditArguments) -> ToolResult:
    """Replace the single occurrence of `old`, or create the file; anything else fails and changes nothing."""
    if arguments.old == "":
        return _create(reach, arguments)
    stat = reach.sandbox.stat(arguments.path)
    if stat.size > MOST_BYTES:
        return _failed(arguments, f"has {stat.size} bytes; edit works up to {MOST_BYTES}: use shell")
    try:
        text = reach.sandbox.read(arguments.path, MOST_BYTES).decode("utf-8")
    except UnicodeDecodeError:
        return _failed(arguments, "is not UTF-8 text: use shell")
    count = text.count(arguments.old)
    if count != 1:
        how = (
            "does not hold that text; read it again"
            if count == 0
            else f"holds that text {count} times; give more of it"
        )
        return _failed(arguments, how)
    data = text.replace(arguments.old, arguments.new).encode("utf-8", errors="replace")
    reach.sandbox.write(File(path=arguments.path, data=data, executable=stat.executable))
    line = text[: text.index(arguments.old)].count("\n") + 1
    return ToolResult(content=f"{arguments.path} changed at line {line}", summary=arguments.path)


def _create(reach: Reach, arguments: EditArguments) -> ToolResult:
    try:
        size = reach.sandbox.stat(arguments.path).size
    except FileAccessError:
        size = 0
    if size:
        return _failed(arguments, 'exists already; give the text to replace as "old"')
    reach.sandbox.write(File(path=arguments.path, data=arguments.new.encode("utf-8", errors="replace")))
    return ToolResult(content=f"{arguments.path} created", summary=arguments.path)


def _failed(arguments: EditArguments, why: str) -> ToolResult:
    return ToolResult(content=f"{arguments.path} {why}", summary=arguments.path, failed=True)


EDIT = Tool(
    name="edit",
    description="Change a file: the text `old`, which must stand in it exactly once, becomes `new`. "
    'With old = "" a new file is created.',
    arguments=EditArguments,
    run=run,
    work="edit",
)
