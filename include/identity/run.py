"""What every run of the matcher does: read, choose the model, cluster, land, and tell what it did."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np

from include.identity import history, labels, store
from include.identity.cluster import Floats, Ints, Pairs, Rules, cluster
from include.identity.decide import decide
from include.identity.history import Mode, RunResult
from include.identity.labels import Accuracy
from include.identity.model import Model
from include.identity.normalise import COLUMNS, define_macros, normalise
from include.identity.score import weigh
from include.settings import Settings
from include.warehouse import Warehouse

_READ = [column for column in COLUMNS if column not in ("state", "middle_name")]
_KEPT = ("tenant_id", "record_source", "record_type", "record_key", "record_name", "created_at")


class Run:
    """The state of one run: its number, what it reads up to, and its workspace."""

    mode: Mode
    model: Model
    duck: duckdb.DuckDBPyConnection
    folder: Path

    def __init__(self, warehouse: Warehouse, loader: Warehouse, settings: Settings) -> None:
        self.warehouse, self.loader, self.settings = warehouse, loader, settings
        self.started_at = datetime.now(UTC)
        self.pins = store.pins(warehouse)
        last = warehouse.rows("select run_no, pins, figures from identity.runs order by run_no desc limit 1")
        self.run_no = (last[0][0] if last else 0) + 1
        self.run_id = f"{self.started_at:%Y%m%dT%H%M%S%f}"
        self.last_figures = last[0][2]["tenants"] if last else {}
        self.since: dict[str, int] = dict.fromkeys(self.pins, 0) | (last[0][1] if last else {})
        self.accuracy: dict[str, Accuracy] = {}

    @property
    def has_news(self) -> bool:
        """Whether a load has committed since the last run."""
        return self.pins != self.since

    def _read(self, since: Mapping[str, int]) -> int:
        """Read and normalise what loads brought after ``since``; return how many rows were touched."""
        duck, warehouse = self.duck, self.warehouse
        define_macros(duck)
        statement = f"""
            select read.*, read.tenant_id || '/' || read.record_name as record_id,
                coalesce(read.country, tenants.country_code) as region
            from ({store.records_since(since)}) as read
            left join raw.tenants as tenants on read.tenant_id = tenants.tenant_id and not tenants._deleted
        """
        store.pull(warehouse, duck, self.folder, statement, "given")
        duck.execute("alter table given drop country; alter table given rename region to country")
        normalise(duck, "given", "records", _READ, kept=_KEPT)
        duck.execute("drop table given")
        return store.pull(warehouse, duck, self.folder, store.touched_since(since), "touched")

    def _choose(self, contenders: Sequence[Model], records: str, *, is_new: bool = False) -> Model:
        """Return which of the models the labels let decide, and remember how right it is; the first if none.

        ``records`` are those of the labels, with frequencies.
        """
        if not labels.pull_verdicts(self.warehouse, self.duck, self.folder, "labels", is_drawn=True):
            return contenders[0]
        told = {model.version: labels.measure(self.duck, model, records) for model in contenders}
        totals = [(model, sum(told[model.version].values(), labels.NOTHING)) for model in contenders]
        for model, total in totals:
            store.note_accuracy(self.warehouse, model, total.accuracy)
        chosen = labels.choose(totals, is_new=is_new)
        self.accuracy = told.get(chosen.version) or labels.measure(self.duck, chosen, records)
        return chosen

    def _cluster(self) -> Pairs:
        """Partition the members by the weighed pairs; ``assigned`` holds each one's customer."""
        duck = self.duck
        found = duck.sql("select uid_l, uid_r, weight from weighed order by uid_l, uid_r").fetchnumpy()
        pairs = Pairs(
            np.asarray(found["uid_l"], dtype=np.int64) - 1,
            np.asarray(found["uid_r"], dtype=np.int64) - 1,
            np.asarray(found["weight"], dtype=np.float64),
        )
        (count,) = duck.execute("select count(*) from members").fetchall()[0]
        if count:
            groups, refused = cluster(
                count, pairs, self.model.link_weight, self._score_missing, self._rules(count)
            )
        else:
            groups, refused = np.zeros(0, np.int64), pairs
        duck.register("_groups", {"uid": np.arange(1, count + 1), "grp": groups})
        duck.execute("""
            create table assigned as
            select members.uid, members.record_no, members.record_id, members.tenant_id, members.record_name,
                members.record_source, members.record_type, members.record_key, grp,
                first_value(members.record_name) over (
                    partition by grp
                    order by members.first_run, members.created_at nulls last, members.record_name
                ) as customer_id,
                standing.customer_id as former_id, standing.is_new
            from members
            inner join _groups using (uid)
            inner join standing using (record_id)
        """)
        duck.unregister("_groups")
        return refused

    def _rules(self, count: int) -> Rules:
        """Operators' decisions and exclusive sources by the members' numbers."""
        places = (
            dict(self.duck.execute("select record_id, uid - 1 from members").fetchall())
            if (decided := store.overrides(self.warehouse))
            else {}
        )
        same: list[tuple[int, int]] = []
        different: list[tuple[int, int]] = []
        for decision in decided:
            left, right = (
                places.get(f"{decision['tenant_id']}/{decision[side]}") for side in ("left", "right")
            )
            if left is not None and right is not None:
                (same if decision["link"] == "same" else different).append((left, right))
        exclusive = None
        if self.settings.exclusive_sources:
            exclusive = np.full(count, -1, dtype=np.int64)
            for number, source in enumerate(self.settings.exclusive_sources):
                found = self.duck.execute(
                    "select uid - 1 from members where record_source = ? and record_type = 'customer'",
                    [source],
                ).fetchall()
                exclusive[[place for (place,) in found]] = number
        return Rules(same, different, exclusive)

    def _score_missing(self, left: Ints, right: Ints) -> Floats:
        duck = self.duck
        duck.register("_missing", {"uid_l": left + 1, "uid_r": right + 1, "place": np.arange(len(left))})
        duck.execute("create or replace temp table missing as select * from _missing")
        duck.unregister("_missing")
        weigh(duck, self.model, "members", "members", "missing", target="weighed_missing")
        told = duck.sql(
            "select place, weight from missing inner join weighed_missing using (uid_l, uid_r) order by place"
        ).fetchnumpy()
        return np.asarray(told["weight"], dtype=np.float64)

    def _land(self) -> None:
        """Land the rows of the customer map that are new or another than before."""
        self.duck.execute("""
            create table changed as
            select * from assigned where customer_id is distinct from former_id
        """)
        self.map_rows = 0
        rows = self.duck.execute(
            "select tenant_id, record_source, record_type, record_key, customer_id from changed"
            " order by tenant_id, record_source, record_type, record_key"
        ).fetchall()
        for tenant_id in sorted({row[0] for row in rows}):
            told = [
                {
                    "record_source": source, "record_type": kind, "record_id": key, "customer_id": customer,
                    "run_id": self.run_id, "decided_at": self.started_at.isoformat(),
                }
                for tenant, source, kind, key, customer in rows
                if tenant == tenant_id
            ]  # fmt: skip
            decide(
                self.loader,
                "customer_map",
                tenant_id,
                told,
                name=f"map-{self.run_id}.jsonl",
                at=self.started_at,
                settings=self.settings,
            )
            self.map_rows += len(told)

    def _write_records(self, table: str, customer: str) -> None:
        has = {row[0] for row in self.duck.execute(f"select column_name from (describe {table})").fetchall()}
        optional = [column for column in (*store.EVIDENCE, *store.FREQUENCIES) if column in has]
        told = ", ".join(f'"{column}"' for column in optional)
        store.push(
            self.warehouse, self.duck, self.folder,
            f"select record_no, {', '.join(store.IDENTITY)}, {customer}, first_run, created_at, {told}"
            f" from {table}",
            "identity.records",
            columns=["record_no", *store.IDENTITY, "customer_id", "first_run", "created_at", *optional],
        )  # fmt: skip

    def _finish(self, refused: Pairs, read: int) -> RunResult:
        """Log moves, fill the review queue, confirm what was answered online, and record the run."""
        moves = history.log_moves(self)
        history.queue_reviews(self, refused)
        history.answer_online(self)
        return history.record_run(self, read, moves)
