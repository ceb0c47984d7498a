"""Command line: ``python -m include.clv train|forecast|runs|card|rollback``."""

import argparse
import sys

from include.clv import warehouse as store
from include.settings import get_settings
from include.warehouse import connect


def main(arguments: list[str] | None = None) -> int:
    """Train, forecast, or look after models; 2 when it cannot be done."""
    options = _parser().parse_args(arguments)
    settings = get_settings()
    try:
        if options.command == "train":
            from include.clv.train import train

            print(*train(settings, tenants=options.tenant), sep="\n")
        elif options.command == "forecast":
            from include.clv.nightly import forecast

            print(*forecast(settings, tenants=options.tenant), sep="\n")
        else:
            with connect("loader", settings) as loader:
                if options.command == "runs":
                    for run in store.runs(loader, options.tenant[0] if options.tenant else None):
                        print(
                            f"{run.tenant_id}  {run.model_version}  {run.status:<11} {run.method:<15}"
                            f" {run.reason}"
                        )
                elif options.command == "card":
                    print(store.card(loader, options.tenant, options.version))
                else:
                    back = store.rollback(loader, options.tenant, options.reason)
                    print(
                        f"{options.tenant}: {back} is champion again;"
                        " `python -m include.clv forecast` uses it"
                    )
    except (LookupError, store.ModelError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m include.clv", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, told in (
        ("train", "train a challenger for each tenant"),
        ("forecast", "forecast, land and load"),
        ("runs", "list the trained models, newest first"),
    ):
        command = commands.add_parser(name, help=told)
        command.add_argument("--tenant", action="append", default=[], help="only this one; may be repeated")
    card = commands.add_parser("card", help="print the card of a model")
    card.add_argument("--tenant", required=True)
    card.add_argument("--version", help="the champion's when left out")
    back = commands.add_parser("rollback", help="put the former champion back")
    back.add_argument("--tenant", required=True)
    back.add_argument("--reason", required=True)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
