"""The gates' own tables in ``ops``: made by the transformer when a gate first runs."""

from pathlib import Path

from include.warehouse import Warehouse

_SQL = Path(__file__).with_name("ops.sql")


def prepare_tables(warehouse: Warehouse) -> None:
    """Create what is missing of the gates' tables; safe at once with others.

    Args:
        warehouse: a connection as the transformer.
    """
    with warehouse.transaction():
        warehouse.lock("sokol:quality")
        warehouse.execute(_SQL.read_text())
