"""What can go wrong between the harness and a sandbox."""


class SandboxError(Exception):
    """The sandbox or its engine failed; never the result of the command that ran in it."""


class EngineUnavailableError(SandboxError):
    """No Docker engine answers; the message says what to do about it."""


class ImageError(SandboxError):
    """An image cannot be had: not local, not pullable, not built; the message holds the failing step."""


class CheckoutError(SandboxError):
    """A target's source cannot be brought to a clean snapshot."""


class SandboxDiedError(SandboxError):
    """The container or its executor is gone; results of calls in flight are unknown."""


class NoNetworkError(SandboxError):
    """The sandbox's network is none that another sandbox could join."""


class NothingToReopenError(SandboxError):
    """No earlier process of the run has left a sandbox that could be used again."""


class SandboxLostError(SandboxDiedError):
    """The sandbox, or the way to it, was lost by nothing that ran inside: never held against what ran there."""


class FileAccessError(SandboxError):
    """A path in the workspace cannot be read or written; the message is fit to show to a model."""


class ExportError(SandboxError):
    """The workspace cannot be exported."""


class WorkspaceError(ExportError):
    """The workspace is nothing that can be exported, and only what ran inside can have made it so."""
