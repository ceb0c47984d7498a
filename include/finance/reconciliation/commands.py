"""The commands of the reconciliation: explain-item, withdraw-explanation, rules, set-rules."""

import argparse
from dataclasses import asdict
from typing import Any

from include.finance.reconciliation.explanations import allowed, explain_item, withdraw_explanation
from include.finance.reconciliation.rules import Rules, require_tenant, rules_of, set_rules
from include.warehouse import connect


def add_commands(commands: Any) -> None:
    """Add the commands to the parser of ``python -m include.finance``."""
    item = commands.add_parser("explain-item", help="explain a record that the reconciliation leaves open")
    item.set_defaults(run=_explain)
    item.add_argument("--category", required=True, choices=allowed("category"))
    item.add_argument("--counterpart", metavar="ID", help="record on the other side that it belongs to")

    withdraw = commands.add_parser("withdraw-explanation", help="take the explanation of a record back")
    withdraw.set_defaults(run=_withdraw)

    for command in (item, withdraw):
        command.add_argument("--tenant", required=True)
        command.add_argument("--side", required=True, choices=allowed("side"))
        command.add_argument("--item", required=True, metavar="ID")
        command.add_argument("--source", help="needed where several sources, or accounts, have the id")
        command.add_argument("--by", required=True, metavar="NAME", help="who says so")
        command.add_argument("--reason", required=True, metavar="TEXT")
    _add_rules(commands)


def _explain(options: argparse.Namespace) -> None:
    said = {"category": options.category, "counterpart_id": options.counterpart}
    print(f"{options.side} {options.item} is explained by {explain_item(**_entry(options), **said)}")


def _withdraw(options: argparse.Namespace) -> None:
    print(f"{options.side} {options.item} is open again by {withdraw_explanation(**_entry(options))}")


def _entry(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "tenant_id": options.tenant,
        "side": options.side,
        "item_id": options.item,
        "entered_by": options.by,
        "reason": options.reason,
        "item_source": options.source,
    }


def _add_rules(commands: Any) -> None:
    show = commands.add_parser("rules", help="show by which rules a tenant's money is reconciled")
    show.set_defaults(run=_show_rules)
    show.add_argument("--tenant", required=True)

    change = commands.add_parser(
        "set-rules", help="decide some of these rules; the next night judges by them"
    )
    change.set_defaults(run=_set_rules)
    change.add_argument("--tenant", required=True)
    change.add_argument("--by", required=True, metavar="NAME", help="who decides it")
    change.add_argument("--reason", required=True, metavar="TEXT")
    change.add_argument("rules", nargs="+", metavar="NAME=VALUE", help="tolerance=0.05, lag_days='{\"\": 2}'")


def _show_rules(options: argparse.Namespace) -> None:
    with connect("transformer") as warehouse:
        require_tenant(warehouse, options.tenant)
        _print_rules(rules_of(warehouse, options.tenant))


def _set_rules(options: argparse.Namespace) -> None:
    changes = {}
    for given in options.rules:
        name, equals, value = given.partition("=")
        if not equals:
            raise ValueError(f"{given!r} is no NAME=VALUE")
        changes[name] = value
    _print_rules(set_rules(options.tenant, changes, entered_by=options.by, reason=options.reason))


def _print_rules(rules: Rules) -> None:
    said = asdict(rules) | {"version": rules.version}
    print(*(f"{name:<20} {value}" for name, value in said.items()), sep="\n")
