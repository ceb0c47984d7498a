"""The local stack at the prompt: ``python -m include.local demo|online-retail|forecasts|finance|start|…``."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

import psycopg

from include.local import airflow, stack
from include.local.postgres import programs
from include.settings import Settings

PASSED_ON = {
    "airflow": "Airflow's command line in the stack's environment",
    "dbt": "dbt's command line on the stack's warehouse",
    "psql": "psql on the stack's warehouse",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m include.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="simulated shops, end to end")
    demo.add_argument("--scale", type=float, default=1.0, help="size of the shops (1: 50,000 orders)")
    demo.add_argument("--seed", type=int, default=7)
    demo.add_argument("--days", type=int, default=120)
    commands.add_parser("online-retail", help="the real files of Online Retail, end to end")
    commands.add_parser("forecasts", help="what customers will be worth")
    commands.add_parser("finance", help="whether the money is there: the night of the books")
    commands.add_parser("start", help="start Postgres and Airflow")
    commands.add_parser("stop", help="stop both")
    commands.add_parser("status", help="say what runs and where")
    for name, help_text in PASSED_ON.items():
        commands.add_parser(name, help=help_text, add_help=False)
    # What follows a program's name is for that program, options too, so it is taken off before parsing.
    given = list(sys.argv[1:] if arguments is None else arguments)
    passed_on = given[1:] if given[:1] and given[0] in PASSED_ON else []
    chosen = parser.parse_args(given[:1] if passed_on else given)
    chosen.arguments = passed_on
    try:
        return _run(chosen)
    except (RuntimeError, ValueError, OSError, psycopg.Error) as error:
        print(f"{chosen.command}: {error}", file=sys.stderr)
        return 1


def _run(chosen: argparse.Namespace) -> int:
    match chosen.command:
        case "demo":
            from include.local import demo

            demo.run(scale=chosen.scale, seed=chosen.seed, days=chosen.days)
        case "online-retail":
            from include.local import online_retail

            online_retail.run()
        case "forecasts":
            from include.local import forecasts

            forecasts.run()
        case "finance":
            from include.local import finance

            finance.run()
        case "start":
            server = stack.start_postgres()
            stack.prepare()
            print(f"Airflow  {stack.describe(stack.start_airflow(server))}")
        case "stop":
            stack.stop()
        case "status":
            return stack.status()
        case "airflow":
            return airflow.run_cli(stack.start_postgres(), chosen.arguments)
        case "dbt":
            stack.start_postgres()
            return _dbt(stack.prepare(), chosen.arguments)
        case "psql":
            stack.start_postgres()
            return _psql(stack.prepare(), chosen.arguments)
    return 0


def _dbt(settings: Settings, arguments: Sequence[str]) -> int:
    """Run dbt as the transformer; the profile reads all of this from the environment."""
    from include.transform import dbt_environment

    variables = dbt_environment(settings)
    command = [sys.executable, "-m", "dbt.cli.main", *arguments]
    return subprocess.run(command, env=os.environ | variables, check=False).returncode


def _psql(settings: Settings, arguments: Sequence[str]) -> int:
    """Run psql as the transformer, who may read every layer."""
    variables = {
        "PGHOST": settings.warehouse_host,
        "PGPORT": str(settings.warehouse_port),
        "PGDATABASE": settings.warehouse_database,
        "PGUSER": settings.transformer_user,
        "PGPASSWORD": settings.transformer_password.get_secret_value(),
    }
    command = [str(programs() / "psql"), *arguments]
    return subprocess.run(command, env=os.environ | variables, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
