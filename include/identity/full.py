"""A full run: every record matched anew, with the pinned model or one that is learnt from them."""

from include.identity import labels, store
from include.identity.candidates import find_pairs, keys_sql
from include.identity.evidence import STANDARD
from include.identity.history import RunResult
from include.identity.hubs import find_hubs, suppress
from include.identity.model import Model, evidence_of, present_columns, train
from include.identity.run import Run
from include.identity.score import add_frequencies, count_frequencies, weigh


class FullRun(Run):
    """Matches all records, and writes the matcher's tables anew."""

    mode = "full"

    def run(self, standing: Model | None, *, retrain: bool) -> RunResult:
        """Match everything.

        Args:
            standing: the model that runs are pinned to, if there is one.
            retrain: learn a new model, which takes its place unless labels speak against it.
        """
        with store.workspace() as (duck, folder):
            self.duck, self.folder = duck, folder
            read = self._read(dict.fromkeys(self.pins, 0))
            everything = evidence_of(present_columns(duck, "records"), ())
            if not everything:  # nothing can be compared, and the next run reads everything again
                return RunResult(0, "full", "none", 0, read, 0, 0, 0, 0, 0, 0)
            find_hubs(duck, "records", everything, "hubs")
            suppress(duck, "records", everything, "hubs")
            self.model = self._model(None if retrain else standing, standing)
            weigh(duck, self.model, "weighable", "weighable", "pairs", target="weighed")
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
                "select tenant_id || '/' || identity.record_name(record_source, record_type, record_id)"
                " as record_id, customer_id from raw.customer_map where not _deleted",
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

    def _model(self, pinned: Model | None, standing: Model | None) -> Model:
        """Choose the model, learn one where none is pinned, and make ``pairs`` and ``weighable`` for it."""
        duck, warehouse = self.duck, self.warehouse
        (rows,) = duck.execute("select count(*) from records").fetchall()[0]
        contenders = [*([standing] if standing else []), *store.former_models(warehouse)]
        if pinned is None:
            pinned = train(duck, "records", "pairs")
            count_frequencies(duck, "records", STANDARD, "frequencies")
            add_frequencies(duck, "records", STANDARD, "frequencies", "weighable")
            if labels.pull_verdicts(warehouse, duck, self.folder, "verdicts", is_drawn=False):
                pinned = labels.taught(duck, pinned, "verdicts", "weighable")
            store.keep(warehouse, pinned, rows)
            contenders = [pinned, *(model for model in contenders if model.version != pinned.version)]
        else:
            find_pairs(duck, "records", pinned.keys, "pairs")
            self._pull_frequencies()
            add_frequencies(duck, "records", STANDARD, "frequencies", "weighable")
        is_new = standing is not None and pinned.version != standing.version
        chosen = self._choose(contenders, "weighable", is_new=is_new)
        if chosen.keys != pinned.keys:
            find_pairs(duck, "records", chosen.keys, "pairs")
        if chosen is standing and pinned is not standing:  # its frequencies are pinned with it
            self._pull_frequencies()
            add_frequencies(duck, "records", STANDARD, "frequencies", "weighable")
        if pinned is not standing or chosen.version != standing.version:
            store.activate(warehouse, chosen, rows)
        return chosen

    def _pull_frequencies(self) -> None:
        statement = "select * from identity.term_frequencies"
        store.pull(self.warehouse, self.duck, self.folder, statement, "frequencies")

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
            "select least(l.record_no, r.record_no), greatest(l.record_no, r.record_no), weight from weighed"
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
