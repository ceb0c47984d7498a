"""One run of the matcher over the warehouse: all records, or what is new since the last run; both agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from include.identity import history, store
from include.identity.candidates import BLOCK_LIMIT, find_pairs, keys_sql
from include.identity.cluster import Floats, Ints, Pairs, Rules, cluster
from include.identity.decide import decide
from include.identity.hubs import find_hubs, suppress
from include.identity.model import Model, evidence_of, present_columns, train
from include.identity.normalise import COLUMNS, define_macros, normalise
from include.identity.score import add_frequencies, count_frequencies, weigh
from include.settings import Settings, get_settings
from include.warehouse import Warehouse, connect

Mode = Literal["incremental", "full"]

LOCK = "sokol:identity"

_READ = [column for column in COLUMNS if column not in ("state", "middle_name")]
_KEPT = ("tenant_id", "record_source", "record_type", "record_key", "record_name", "created_at")


@dataclass(frozen=True)
class RunResult:
    """What one run did."""

    run_no: int
    mode: Mode
    model_version: str
    records: int
    """Records that stand after the run."""
    new_records: int
    """Records that were read anew: new, changed or gone."""
    customers: int
    moved_records: int
    """Standing records whose customer is another than before."""
    merges: int
    splits: int
    open_reviews: int
    map_rows: int
    """Rows of the customer map that were landed."""


def match(
    settings: Settings | None = None, *, mode: Mode = "incremental", retrain: bool = False
) -> RunResult:
    """Match the warehouse's records and land what is decided.

    The first run, and one that trains a new model, reads everything. Decisions are loaded before the
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
            if (
                model is not None
                and not retrain
                and mode == "incremental"
                and not store.has_lost_keys(warehouse)
            ):
                run = Run(warehouse, loader, settings, "incremental")
                return run.increment(model) if run.has_news else run.idle(model)
            result = Run(warehouse, loader, settings, "full").everything(None if retrain else model)
        warehouse.execute("vacuum identity.block_keys")  # so that the index alone answers who shares a key
        return result


class Run:
    """The state of one run: its number, what it reads up to, and its workspace."""

    def __init__(self, warehouse: Warehouse, loader: Warehouse, settings: Settings, mode: Mode) -> None:
        self.warehouse, self.loader, self.settings, self.mode = warehouse, loader, settings, mode
        self.started_at = datetime.now(UTC)
        self.pins = store.pins(warehouse)
        last = warehouse.rows("select run_no, pins, figures from identity.runs order by run_no desc limit 1")
        self.run_no = (last[0][0] if last else 0) + 1
        self.run_id = f"{self.started_at:%Y%m%dT%H%M%S%f}"
        self.last_figures = last[0][2]["tenants"] if last else {}
        self.since: dict[str, int] = dict.fromkeys(self.pins, 0) | (last[0][1] if last else {})

    @property
    def has_news(self) -> bool:
        """Whether a load has committed since the last run."""
        return self.pins != self.since

    def idle(self, model: Model) -> RunResult:
        """Say how things stand; nothing is read and nothing recorded."""
        figures = self.last_figures.values()
        return RunResult(
            run_no=self.run_no - 1,
            mode=self.mode,
            model_version=model.version,
            records=sum(told["records"] for told in figures),
            new_records=0,
            customers=sum(told["customers"] for told in figures),
            moved_records=0,
            merges=0,
            splits=0,
            open_reviews=self.warehouse.value("select count(*) from identity.review_queue"),
            map_rows=0,
        )

    def _nothing(self, read: int) -> RunResult:
        """Say that no record tells enough to be compared; the next run reads everything again."""
        return RunResult(0, self.mode, "none", 0, read, 0, 0, 0, 0, 0, 0)

    def everything(self, model: Model | None) -> RunResult:
        """Match all records anew."""
        with store.workspace() as (duck, folder):
            self.duck, self.folder = duck, folder
            read = self._read(dict.fromkeys(self.pins, 0))
            everything = evidence_of(present_columns(duck, "records", ()), ())
            find_hubs(duck, "records", everything, "hubs")
            suppress(duck, "records", everything, "hubs")
            if not everything:
                return self._nothing(read)
            if model is None:
                model = train(duck, "records", "pairs")
                count_frequencies(duck, "records", model.evidence, "frequencies")
                (rows,) = duck.execute("select count(*) from records").fetchall()[0]
                store.activate(self.warehouse, model, rows)
            else:
                find_pairs(duck, "records", model.keys, "pairs")
                store.pull(
                    self.warehouse, duck, folder, "select * from identity.term_frequencies", "frequencies"
                )
            self.model = model
            add_frequencies(duck, "records", model.evidence, "frequencies", "weighable")
            weigh(duck, model, "weighable", "weighable", "pairs", target="weighed")
            store.pull(
                self.warehouse, duck, folder,
                "select record_no, tenant_id || '/' || record_name as record_id, first_run"
                " from identity.records",
                "stood",
            )  # fmt: skip
            (standing_no,) = self.warehouse.rows("select coalesce(max(record_no), 0) from identity.records")[
                0
            ]
            duck.execute(f"""
                create table members as
                select weighable.*, coalesce(stood.first_run, {self.run_no}) as first_run,
                    coalesce(
                        stood.record_no, {standing_no} + row_number() over (order by weighable.uid)
                    ) as record_no
                from weighable left join stood using (record_id)
            """)
            store.pull(
                self.warehouse, duck, folder,
                "select tenant_id || '/' || record_source || ':' ||"
                " case when record_type = 'customer' then '' else record_type || ':' end"
                " || record_id as record_id,"
                " customer_id from raw.customer_map where not _deleted",
                "map",
            )  # fmt: skip
            duck.execute("""
                create table standing as
                select members.record_id,
                    coalesce(
                        map.customer_id, case when type = 'customer' then record_name end
                    ) as customer_id,
                    stood.record_no is null as is_new
                from members
                left join map using (record_id)
                left join stood using (record_id)
            """)
            refused = self._cluster()
            self._land()
            self._replace()
            return self._finish(refused, read=read)

    def increment(self, model: Model) -> RunResult:
        """Match the records that are new, changed or gone, and those whose customers they touch."""
        self.model = model
        with store.workspace() as (duck, folder):
            self.duck, self.folder = duck, folder
            warehouse = self.warehouse
            read = self._read(self.since)
            store.pull(
                warehouse,
                duck,
                folder,
                "select tenant_id as tenant, column_name, value from identity.hubs",
                "hubs",
            )
            suppress(duck, "records", model.evidence, "hubs")
            self._frequencies_of_new()
            add_frequencies(duck, "records", model.evidence, "frequencies", "weighable")
            self._take_out()
            self._bring_in()
            candidates = self._candidates()
            self._pull_records("others", "select record_no from _others")
            self._weigh_candidates(candidates)
            self._affected()
            refused = self._cluster()
            self._land()
            self._rewrite()
            return self._finish(refused, read=read)

    # reading

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

    def _frequencies_of_new(self) -> None:
        """Fetch the frequencies of the values that the new records state, and the rarest of each column."""
        duck, warehouse = self.duck, self.warehouse
        columns = [item.column for item in self.model.evidence if item.has_frequency]
        values = " union ".join(
            f'select \'{column}\', "{column}" from records where "{column}" is not null' for column in columns
        )
        warehouse.execute("create temp table _values (column_name text, value text) on commit drop")
        if values:
            store.push(warehouse, duck, self.folder, values, "_values", columns=["column_name", "value"])
        store.pull(
            warehouse, duck, self.folder,
            "select f.column_name, f.value, f.frequency from identity.term_frequencies as f"
            " inner join _values as v on f.column_name = v.column_name and f.value = v.value"
            " union all"
            " select column_name, '', min(frequency) from identity.term_frequencies group by column_name",
            "frequencies",
        )  # fmt: skip

    def _take_out(self) -> None:
        """Take the standing form of touched records out, and remember whose customers lose them."""
        duck, warehouse = self.duck, self.warehouse
        warehouse.execute("""
            create temp table _touched (tenant_id text, record_name text) on commit drop;
            create temp table _gone (
                record_no bigint, record_id text, customer_id text, first_run bigint
            ) on commit drop;
            create temp table _seeds (record_no bigint) on commit drop;
        """)
        store.push(
            warehouse, duck, self.folder, "select distinct tenant_id, record_name from touched",
            "_touched", columns=["tenant_id", "record_name"],
        )  # fmt: skip
        warehouse.execute("""
            analyze _touched;
            insert into _gone
                select r.record_no, r.tenant_id || '/' || r.record_name, r.customer_id, r.first_run
                from _touched as t
                inner join identity.records as r
                    on t.tenant_id = r.tenant_id and t.record_name = r.record_name;
            analyze _gone;
            insert into _seeds
                select l.right_no from _gone as g inner join identity.links as l on g.record_no = l.left_no
                union
                select l.left_no from _gone as g inner join identity.links as l on g.record_no = l.right_no;
            delete from identity.links as l using _gone as g where l.left_no = g.record_no;
            delete from identity.links as l using _gone as g where l.right_no = g.record_no;
            delete from identity.block_keys as k using _gone as g where k.record_no = g.record_no;
            delete from identity.records as r using _gone as g where r.record_no = g.record_no;
            delete from _seeds as s using _gone as g where s.record_no = g.record_no;
        """)
        store.pull(warehouse, duck, self.folder, "select * from _gone", "gone")

    def _bring_in(self) -> None:
        """Number the new records and write them and their block keys."""
        duck, warehouse = self.duck, self.warehouse
        (count,) = duck.execute("select count(*) from weighable").fetchall()[0]
        first = warehouse.value("select coalesce(max(record_no), 0) from identity.records") + 1
        first = max(first, (warehouse.value("select max(record_no) from _gone") or 0) + 1)
        duck.execute(f"""
            create table fresh as
            select weighable.* exclude (uid), coalesce(gone.first_run, {self.run_no}) as first_run,
                coalesce(gone.record_no, {first} + row_number() over (order by uid) - 1) as record_no,
                gone.record_no is null as is_new, gone.customer_id as stood_under
            from weighable left join gone using (record_id)
        """)
        duck.execute("create view fresh_keyed as select *, record_no as uid from fresh")
        if count:
            keys = f"select key, uid from ({keys_sql('fresh_keyed', self.model.keys)})"
            warehouse.execute("create temp table _keys (key bigint, record_no bigint) on commit drop")
            store.push(warehouse, duck, self.folder, keys, "_keys", columns=["key", "record_no"])
            warehouse.execute(
                "analyze _keys; insert into identity.block_keys select key, record_no from _keys order by key"
            )
            self._write_records("fresh", "coalesce(stood_under, record_name)")

    def _candidates(self) -> bool:
        """Fill ``_pairs`` and ``_others`` with who shares a new record's key; False when nobody is new."""
        warehouse = self.warehouse
        warehouse.execute("create temp table _others (record_no bigint) on commit drop")
        if not warehouse.value("select to_regclass('pg_temp._keys') is not null"):
            return False
        warehouse.execute(f"""
            create temp table _pairs on commit drop as
            with shared as (
                select key, array_agg(record_no) as record_nos
                from identity.block_keys
                where key = any(array(select distinct key from _keys))  -- an array is looked up in order
                group by key having count(*) between 2 and {BLOCK_LIMIT}
            )
            select distinct
                least(mine.record_no, other) as left_no, greatest(mine.record_no, other) as right_no
            from shared
            inner join _keys as mine on shared.key = mine.key
            cross join lateral unnest(shared.record_nos) as other
            where other <> mine.record_no;
            insert into _others
                select left_no from _pairs union select right_no from _pairs
                union select record_no from _keys;
            analyze _others;
        """)
        store.pull(warehouse, self.duck, self.folder, "select * from _pairs", "pairs")
        return True

    def _pull_records(self, table: str, chosen: str) -> None:
        """Fetch standing records by number."""
        columns = ", ".join(
            f"r.{column}" for column in (*store.IDENTITY, *store.EVIDENCE, *store.FREQUENCIES)
        )
        store.pull(
            self.warehouse, self.duck, self.folder,
            "select r.record_no, r.record_no as uid, r.tenant_id || '/' || r.record_name as record_id,"
            " r.tenant_id as tenant,"
            " r.record_source as source, r.record_type as type, r.customer_id, r.first_run, r.created_at,"
            f" {columns}"
            f" from identity.records as r where r.record_no = any(array({chosen}))",
            table,
        )  # fmt: skip

    def _weigh_candidates(self, found: bool) -> None:
        """Weigh the new records' pairs and add the links among them to the standing ones."""
        duck, warehouse = self.duck, self.warehouse
        duck.execute("create table weighed (uid_l bigint, uid_r bigint, weight double)")
        if found:
            duck.execute("create view candidates as select left_no as uid_l, right_no as uid_r from pairs")
            weigh(duck, self.model, "others", "others", "candidates", target="weighed")
            store.push(
                warehouse,
                duck,
                self.folder,
                f"select uid_l, uid_r, weight from weighed where weight >= {self.model.link_weight}",
                "identity.links",
                columns=["left_no", "right_no", "weight"],
            )
            warehouse.execute("insert into _seeds select distinct record_no from _keys")
        duck.execute("""
            create table possible as
            select l.tenant_id, l.record_name as left_name, r.record_name as right_name, weight
            from weighed
            inner join others as l on weighed.uid_l = l.uid
            inner join others as r on weighed.uid_r = r.uid
        """)

    def _affected(self) -> None:
        """Fetch every record that links tie to a touched one, and the links among them."""
        warehouse = self.warehouse
        warehouse.execute(
            """
            insert into _seeds
                select r.record_no
                from raw.identity_overrides as o
                cross join lateral (values
                    (o.left_source, o.left_type, o.left_id), (o.right_source, o.right_type, o.right_id)
                ) as e (source, type, key)
                inner join identity.records as r
                    on o.tenant_id = r.tenant_id
                    and r.record_name = e.source || ':'
                        || case when e.type = 'customer' then '' else e.type || ':' end || e.key
                where o._load_id > %s
            """,
            [self.since["identity_overrides"]],
        )
        self._same_links()
        warehouse.execute("""
            create temp table _reached on commit drop as select distinct record_no from _seeds;
            create temp table _affected on commit drop as table _reached;
            create temp table _further (record_no bigint) on commit drop;
        """)
        # Step by step, because an array of all that is reached is looked up in the order of the index.
        while warehouse.execute("""
            insert into _further
                select right_no from identity.links
                where left_no = any(array(select record_no from _reached))
                union
                select left_no from identity.links
                where right_no = any(array(select record_no from _reached))
                union
                select s.right_no from _same as s inner join _reached as r on s.left_no = r.record_no
                union
                select s.left_no from _same as s inner join _reached as r on s.right_no = r.record_no
                except
                select record_no from _affected
        """):
            warehouse.execute("""
                insert into _affected table _further;
                truncate _reached;
                insert into _reached table _further;
                truncate _further;
            """)
        self._pull_records("members", "select record_no from _affected")
        self.duck.execute(
            "create or replace table members as"
            " select * replace (row_number() over (order by record_id) as uid) from members"
        )
        store.pull(
            warehouse, self.duck, self.folder,
            "select left_no, right_no, weight from identity.links"
            " where left_no = any(array(select record_no from _affected))",
            "links",
        )  # fmt: skip
        self.duck.execute("""
            create or replace table weighed as
            select least(l.uid, r.uid) as uid_l, greatest(l.uid, r.uid) as uid_r, links.weight
            from links
            inner join members as l on links.left_no = l.record_no
            inner join members as r on links.right_no = r.record_no
        """)
        self.duck.execute("""
            create table standing as
            select members.record_id,
                case when coalesce(fresh.is_new, false) and type = 'customer' then members.record_name
                    when coalesce(fresh.is_new, false) then null
                    else members.customer_id end as customer_id,
                coalesce(fresh.is_new, false) as is_new
            from members left join (select record_id, is_new from fresh) as fresh using (record_id)
        """)

    def _same_links(self) -> None:
        """Operators' links, which tie records that no evidence does."""
        self.warehouse.execute("""
            create temp table _same on commit drop as
            select l.record_no as left_no, r.record_no as right_no
            from raw.identity_overrides as o
            inner join identity.records as l
                on o.tenant_id = l.tenant_id and l.record_name = o.left_source || ':'
                    || case when o.left_type = 'customer' then '' else o.left_type || ':' end || o.left_id
            inner join identity.records as r
                on o.tenant_id = r.tenant_id and r.record_name = o.right_source || ':'
                    || case when o.right_type = 'customer' then '' else o.right_type || ':' end || o.right_id
            where o.is_active and not o._deleted and o.link = 'same'
        """)

    # deciding

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

    # writing

    def _replace(self) -> None:
        """Write all tables of the matcher anew."""
        duck, warehouse = self.duck, self.warehouse
        warehouse.execute(
            "truncate identity.records, identity.block_keys, identity.links, identity.hubs,"
            " identity.term_frequencies"
        )
        duck.execute("create table customers as select record_id, customer_id from assigned")
        duck.execute(
            "create table written as select members.*, customers.customer_id"
            " from members inner join customers using (record_id)"
        )
        self._write_records("written", "customer_id")
        duck.execute("create view keyed as select * exclude (uid), record_no as uid from members")
        store.push(
            warehouse, duck, self.folder, f"select key, uid from ({keys_sql('keyed', self.model.keys)})",
            "identity.block_keys", columns=["key", "record_no"],
        )  # fmt: skip
        store.push(
            warehouse, duck, self.folder,
            "select l.record_no, r.record_no, weight from weighed"
            " inner join members as l on weighed.uid_l = l.uid"
            " inner join members as r on weighed.uid_r = r.uid"
            f" where weight >= {self.model.link_weight}",
            "identity.links", columns=["left_no", "right_no", "weight"],
        )  # fmt: skip
        store.push(
            warehouse, duck, self.folder, "select tenant, column_name, value, persons from hubs",
            "identity.hubs", columns=["tenant_id", "column_name", "value", "persons"],
        )  # fmt: skip
        store.push(
            warehouse, duck, self.folder,
            "select column_name, value, frequency from frequencies where value <> ''",
            "identity.term_frequencies", columns=["column_name", "value", "frequency"],
        )  # fmt: skip
        duck.execute("""
            create table possible as
            select l.tenant_id, l.record_name as left_name, r.record_name as right_name, weight
            from weighed
            inner join members as l on weighed.uid_l = l.uid
            inner join members as r on weighed.uid_r = r.uid
        """)
        warehouse.execute("truncate identity.review_queue")
        warehouse.execute("analyze identity.records; analyze identity.block_keys; analyze identity.links")

    def _rewrite(self) -> None:
        """Note the customers of the affected records."""
        warehouse = self.warehouse
        warehouse.execute("create temp table _assigned (record_no bigint, customer_id text) on commit drop")
        store.push(
            warehouse, self.duck, self.folder,
            "select record_no, assigned.customer_id from assigned inner join members using (record_no)"
            " where assigned.customer_id <> members.customer_id",
            "_assigned", columns=["record_no", "customer_id"],
        )  # fmt: skip
        warehouse.execute("""
            analyze _assigned;
            update identity.records as r set customer_id = a.customer_id
            from _assigned as a
            where r.record_no = a.record_no
        """)

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
