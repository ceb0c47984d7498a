"""The warehouse: one small interface, Postgres behind it."""

from include.warehouse.contracts import Column, Contract, ContractError, Rule, load_contracts
from include.warehouse.fingerprint import TableFingerprint, fingerprint
from include.warehouse.postgres import Role, Warehouse, connect
from include.warehouse.prepare import prepare

__all__ = [
    "Column",
    "Contract",
    "ContractError",
    "Role",
    "Rule",
    "TableFingerprint",
    "Warehouse",
    "connect",
    "fingerprint",
    "load_contracts",
    "prepare",
]
