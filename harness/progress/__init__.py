"""What a running matrix shows: a live view on a terminal, plain lines elsewhere, events for machines, or nothing."""

from harness.progress.contract import Progress, Quiet, Several
from harness.progress.json_lines import JsonLines
from harness.progress.lines import PlainLines
from harness.progress.live import Frame, LiveTable
from harness.progress.words import seconds, waiting

__all__ = ["Frame", "JsonLines", "LiveTable", "PlainLines", "Progress", "Quiet", "Several", "seconds", "waiting"]
