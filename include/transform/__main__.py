"""Command line of the transform arrow: ``python -m include.transform [--full-refresh] [--select …]``."""

import argparse
import sys

from include.transform.build import BuildError, build


def main(arguments: list[str] | None = None) -> int:
    """Build the marts, print one line per tenant held and one of the whole; 1 when something failed."""
    parser = argparse.ArgumentParser(
        prog="python -m include.transform", description="Build the marts with dbt."
    )
    parser.add_argument("--full-refresh", action="store_true", help="make every table anew from the feeds")
    parser.add_argument("--select", nargs="*", default=[], help="dbt selectors; everything when left out")
    parser.add_argument("--no-tests", action="store_true", help="build models without tests")
    parser.add_argument("--as-of", help="day (YYYY-MM-DD) that tenants are looked at as of")
    options = parser.parse_args(arguments)
    try:
        result = build(
            full_refresh=options.full_refresh,
            select=options.select,
            with_tests=not options.no_tests,
            as_of=options.as_of,
        )
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    for tenant in result.held:
        print(f"HELD {tenant.tenant_id}: {tenant.reason}; load the missing rates and build again")
    print(
        f"build {result.build_id}: {result.models} models and {result.tests} tests in "
        f"{result.seconds:.1f} s, {len(result.held)} tenants held"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
