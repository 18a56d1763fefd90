"""`splitclock`, and `python -m harness`: Ctrl-C is an exit code from the first import on."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line."""
    try:
        from harness.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
