"""An increment: what is new since the last run, matched with whom it touches; the rest stays as it is."""

from include.identity import store
from include.identity.candidates import BLOCK_LIMIT, keys_sql
from include.identity.history import RunResult
from include.identity.hubs import suppress
from include.identity.model import Model
from include.identity.run import Run
from include.identity.score import add_frequencies, weigh

_JUDGED = """
    select r.record_no
    from raw.identity_overrides as o
    cross join lateral (values
        (o.left_source, o.left_type, o.left_id), (o.right_source, o.right_type, o.right_id)
    ) as e (source, type, key)
    inner join identity.records as r
        on o.tenant_id = r.tenant_id and r.record_name = identity.record_name(e.source, e.type, e.key)
"""
"""Query of the records of which operators have said something, ``o``; its condition is to be added."""


class Increment(Run):
    """Matches the records that are new, changed or gone, and those whose customers they touch."""

    mode = "incremental"

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

    def run(self, model: Model) -> RunResult | None:
        """Match what is new; None when labels want another model, with which all must be matched."""
        self.model = model
        with store.workspace() as (duck, folder):
            self.duck, self.folder = duck, folder
            self._pull_labelled()
            if (
                self._choose([model, *store.former_models(self.warehouse)], "labelled").version
                != model.version
            ):
                return None
            read = self._read(self.since)
            store.pull(
                self.warehouse, duck, folder,
                "select tenant_id as tenant, column_name, value from identity.hubs",
                "hubs",
            )  # fmt: skip
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

    def _pull_labelled(self) -> None:
        """Fetch the records of pairs that measure the model."""
        self._pull_records("labelled", f"{_JUDGED} where o.is_active and o.is_drawn and not o._deleted")

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
            insert into _seeds
                select r.record_no
                from _touched as t
                inner join (
                    select
                        o.tenant_id,
                        identity.record_name(o.left_source, o.left_type, o.left_id) as left_name,
                        identity.record_name(o.right_source, o.right_type, o.right_id) as right_name
                    from raw.identity_overrides as o
                    where o.is_active and o.link = 'same' and not o._deleted
                ) as said
                    on t.tenant_id = said.tenant_id and t.record_name in (said.left_name, said.right_name)
                inner join identity.records as r
                    on said.tenant_id = r.tenant_id and r.record_name in (said.left_name, said.right_name);
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
            store.push(
                warehouse, duck, self.folder, "select record_no from fresh", "_seeds", columns=["record_no"]
            )

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
            f"insert into _seeds {_JUDGED} where o._load_id > %s", [self.since["identity_overrides"]]
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
        self._pull_map()
        self.duck.execute("""
            create table standing as
            select members.record_id,
                case when not coalesce(fresh.is_new, false) then members.customer_id
                    when map.customer_id is not null then map.customer_id
                    when type = 'customer' then members.record_name end as customer_id,
                coalesce(fresh.is_new, false) as is_new
            from members
            left join (select record_id, is_new from fresh) as fresh using (record_id)
            left join map using (record_id)
        """)

    def _pull_map(self) -> None:
        """Fetch what the map says of new records: some were here before, or in a run that was killed."""
        self.warehouse.execute(
            "create temp table _new (tenant_id text, source text, type text, key text) on commit drop"
        )
        store.push(
            self.warehouse, self.duck, self.folder,
            "select tenant_id, record_source, record_type, record_key from fresh where is_new",
            "_new", columns=["tenant_id", "source", "type", "key"],
        )  # fmt: skip
        store.pull(
            self.warehouse, self.duck, self.folder,
            "select m.tenant_id || '/' || identity.record_name(n.source, n.type, n.key) as record_id,"
            " m.customer_id"
            " from _new as n inner join raw.customer_map as m"
            " on n.tenant_id = m.tenant_id and n.key = m.record_id"
            " and n.source = m.record_source and n.type = m.record_type"
            " where not m._deleted",
            "map",
        )  # fmt: skip

    def _same_links(self) -> None:
        """Operators' links, which tie records that no evidence does."""
        self.warehouse.execute("""
            create temp table _same on commit drop as
            select l.record_no as left_no, r.record_no as right_no
            from raw.identity_overrides as o
            inner join identity.records as l
                on o.tenant_id = l.tenant_id
                and l.record_name = identity.record_name(o.left_source, o.left_type, o.left_id)
            inner join identity.records as r
                on o.tenant_id = r.tenant_id
                and r.record_name = identity.record_name(o.right_source, o.right_type, o.right_id)
            where o.is_active and not o._deleted and o.link = 'same'
        """)

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
