"""The night's matching: what is new where that is enough, else everything."""

from include.identity import store
from include.identity.full import FullRun
from include.identity.history import Mode, RunResult
from include.identity.increment import Increment
from include.settings import Settings, get_settings
from include.warehouse import connect

LOCK = "sokol:identity"


def match(
    settings: Settings | None = None, *, mode: Mode = "incremental", retrain: bool = False
) -> RunResult:
    """Match the warehouse's records and land what is decided.

    The first run, and one with another model than before, reads everything. Decisions are loaded before the
    matcher's own tables are committed: a run that is killed between them leaves these as they were, and the
    next one comes to the same decisions.

    Args:
        settings: where the warehouse and the landing zone are.
        mode: ``incremental`` reads the rows that loads brought since the last run, ``full`` all of them.
        retrain: learn a new model from all records and pin it.
    """
    settings = settings or get_settings()
    with connect("loader", settings) as loader, connect("loader", settings) as warehouse:
        with warehouse.transaction():
            warehouse.lock(LOCK)
            model = store.active_model(warehouse)
            retrain = retrain or store.is_outgrown(warehouse)
            if model and mode == "incremental" and not retrain and not store.has_lost_keys(warehouse):
                increment = Increment(warehouse, loader, settings)
                result = increment.run(model) if increment.has_news else increment.idle(model)
                if result:
                    return result
            result = FullRun(warehouse, loader, settings).run(model, retrain=retrain)
        warehouse.execute("vacuum identity.block_keys")  # so that the index alone answers who shares a key
        return result
