"""Command line: ``python -m include.finance explain``."""

import argparse

from include.finance import explain


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m include.finance", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    explain.add_command(commands)
    options = parser.parse_args(arguments)
    return int(options.run(options))


if __name__ == "__main__":
    raise SystemExit(main())
