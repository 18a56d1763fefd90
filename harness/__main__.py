"""`python -m harness`: the same as the command `splitclock`."""

from harness.cli import main

main()
