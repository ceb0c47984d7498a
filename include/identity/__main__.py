"""Command line: ``python -m include.identity match|link|separate|withdraw|draw|verdicts|resolve|explain``."""

import argparse
import getpass
import json
import sys
from dataclasses import asdict
from pathlib import Path

from include.identity.labels import draw, take_verdicts
from include.identity.nightly import match
from include.identity.overrides import override, withdraw
from include.identity.resolve import NotTrainedError, Resolver
from include.settings import get_settings
from include.warehouse import connect


def main(arguments: list[str] | None = None) -> int:
    """Match, decide about two records, or ask who somebody is; 2 when the question cannot be answered."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "match":
            print(json.dumps(asdict(match(mode=options.mode, retrain=options.retrain)), indent=2))
        elif options.command in ("link", "separate"):
            override_id = override(
                options.tenant,
                options.left,
                options.right,
                "same" if options.command == "link" else "different",
                reason=options.reason,
                decided_by=options.by,
            )
            print(f"override {override_id}; the next `python -m include.identity match` acts on it")
        elif options.command == "withdraw":
            withdraw(options.tenant, options.override, reason=options.reason, decided_by=options.by)
            print(f"override {options.override} is withdrawn; the next match restores what the evidence says")
        elif options.command == "draw":
            drawn = draw(options.tenant, options.pairs, options.file, seed=options.seed)
            print(f"{drawn} pairs are in {options.file}; write same or different into link, then `verdicts`")
        elif options.command == "verdicts":
            taken = take_verdicts(options.file, decided_by=options.by)
            print(f"{taken} verdicts; the next `python -m include.identity match` measures the model by them")
        elif options.command == "resolve":
            with connect("loader", get_settings()) as warehouse:
                record: dict[str, str | None] = {}
                for said in options.said:
                    column, _, value = said.partition("=")
                    record[column] = value or None
                found = Resolver(warehouse).resolve(options.tenant, record, name=options.name)
            print(json.dumps(asdict(found), indent=2, ensure_ascii=False))
        else:
            _explain(options.tenant, options.customer)
    except (LookupError, NotTrainedError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _explain(tenant: str, customer: str) -> None:
    """Print a customer's records and every move that made it what it is."""
    with connect("loader", get_settings()) as warehouse:
        records = warehouse.rows(
            "select record_name from identity.records where tenant_id = %s and customer_id = %s order by 1",
            [tenant, customer],
        )
        if not records:
            raise LookupError(f"tenant {tenant} has no customer {customer!r}; ids stand in identity.records")
        moves = warehouse.rows(
            """
            select logged_at, action, record_names, former_customer_id, decided_by, evidence
            from identity.merge_log
            where tenant_id = %s and (customer_id = %s or former_customer_id = %s) order by log_id
            """,
            [tenant, customer, customer],
        )
    print(f"{customer}: {len(records)} records")
    for (name,) in records:
        print(f"  {name}")
    for at, action, names, former, by, evidence in moves:
        whence = f" from {former}" if former else ""
        print(f"{at:%Y-%m-%d %H:%M} {action}{whence}: {', '.join(names)}, by {by}")
        for link in evidence:
            parts = ", ".join(
                f"{part['evidence']} {part['agreement']} {part['weight']:+}" for part in link["parts"]
            )
            print(f"    {link['left']} and {link['right']}, weight {link['weight']}: {parts}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m include.identity", description="Who is who: customers across web and store."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("match", help="match records and land what is decided")
    running.add_argument(
        "--mode", choices=["incremental", "full"], default="incremental", help="what is read"
    )
    running.add_argument(
        "--retrain", action="store_true", help="learn a new model from all records and pin it"
    )
    for name, words in (
        ("link", "say that two records are one person's"),
        ("separate", "say that they are not"),
    ):
        deciding = commands.add_parser(name, help=words)
        deciding.add_argument("left", help="name of a record, as the review queue writes it")
        deciding.add_argument("right", help="name of the other")
        _add_reasons(deciding)
    withdrawing = commands.add_parser("withdraw", help="take such a word back")
    withdrawing.add_argument("override", help="its id, from identity.overrides")
    _add_reasons(withdrawing)
    drawing = commands.add_parser("draw", help="draw pairs at random, for people to judge")
    drawing.add_argument("file", type=Path, help="CSV file to write")
    drawing.add_argument("--tenant", required=True, help="whose records are drawn")
    drawing.add_argument("--pairs", type=int, default=100, help="how many")
    drawing.add_argument("--seed", type=int, default=0, help="another seed draws others")
    judging = commands.add_parser(
        "verdicts", help="take the verdicts on drawn pairs, which measure the model"
    )
    judging.add_argument("file", type=Path, help="the file that draw wrote, with link filled in")
    judging.add_argument("--by", default=getpass.getuser(), help="who judged")
    asking = commands.add_parser("resolve", help="ask which customer a record belongs to")
    asking.add_argument("said", nargs="+", help="what is known: email=… phone=… full_name=…")
    asking.add_argument("--tenant", required=True, help="whose customers are searched")
    asking.add_argument("--name", help="name of the record, when a feed will bring it")
    explaining = commands.add_parser("explain", help="show a customer's records and why they are one")
    explaining.add_argument("customer", help="id of the customer")
    explaining.add_argument("--tenant", required=True, help="whose customer it is")
    return parser


def _add_reasons(command: argparse.ArgumentParser) -> None:
    command.add_argument("--tenant", required=True, help="whose records they are")
    command.add_argument("--reason", required=True, help="why, for whoever reads the log")
    command.add_argument("--by", default=getpass.getuser(), help="who says so")


if __name__ == "__main__":
    sys.exit(main())
