"""What a run leaves to be read by people: why customers moved, what is doubtful, how the run went."""

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from include.identity import store
from include.identity.cluster import Pairs
from include.identity.decide import decide
from include.identity.labels import NOTHING, Accuracy
from include.identity.score import weigh, weights_sql

if TYPE_CHECKING:
    from include.identity.run import Run

Mode = Literal["incremental", "full"]

REVIEW_BAND = 4.0
"""How far below the linking weight a pair may be to be put before an operator."""

LINKS_TOLD = 3
"""Links that are logged with each move, the strongest first."""


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
    labels: int = 0
    """Labelled pairs on which the model was measured."""
    label_accuracy: float | None = None
    """Share of them that it decides rightly; None without any."""


def explained(run: "Run", pairs: str, target: str) -> None:
    """Create ``target``: pairs of members with the weight and, as JSON, what it is made of."""
    parts = ", ".join(
        f"{{'evidence': '{item.column}', 'agreement': case \"gamma_{item.column}\" "
        + " ".join(
            f"when {len(item.levels) - place} then '{level.label}'" for place, level in enumerate(item.levels)
        )
        + f" when 0 then 'different' end, 'weight': round(\"mw_{item.column}\""
        + (f' + "mw_tf_adj_{item.column}"' if item.has_frequency else "")
        + ", 2)}"
        for item in run.model.evidence
    )
    weigh(run.duck, run.model, "members", "members", pairs, target="_weighed_again")
    run.duck.execute(f"""
        create or replace table {target} as
        select uid_l, uid_r, told.weight,
            to_json(list_filter([{parts}], lambda part: part.agreement is not null)) as parts
        from ({weights_sql(run.model, "members", "members", pairs, with_parts=True)})
        inner join _weighed_again as told using (uid_l, uid_r)
    """)


def log_moves(run: "Run") -> tuple[int, int, int]:
    """Log every record whose customer is new or another than before; return records moved, merges and splits.

    ``join``: new records of a customer. ``merge``: a customer became part of an older one. ``split``: records
    of a customer became one of their own again. ``move``: single records went from one customer to another.
    """
    duck = run.duck
    duck.execute("""
        create table strongest as
        with ends as (
            select uid_l as uid, uid_l, uid_r, weight from weighed
            union all
            select uid_r, uid_l, uid_r, weight from weighed
        ),
        inside as (
            select ends.*, mine.record_id
            from ends
            inner join assigned as mine on ends.uid = mine.uid
            inner join assigned as l on ends.uid_l = l.uid
            inner join assigned as r on ends.uid_r = r.uid
            where l.grp = r.grp
        )
        select changed.record_id, inside.uid_l, inside.uid_r, inside.weight
        from (
            select * from changed
            where not is_new
                or customer_id <> record_name
        ) as changed
        inner join inside using (record_id)
        qualify row_number() over (
            partition by changed.record_id
            order by inside.weight desc, uid_l, uid_r
        ) = 1
    """)
    duck.execute("create or replace table told_pairs as select distinct uid_l, uid_r from strongest")
    explained(run, "told_pairs", "explained")
    duck.execute("""
        create table moves as
        with anchors as (
            select tenant_id, record_name, customer_id from assigned
        ),
        changed_records as (
            select changed.*, strongest.uid_l, strongest.uid_r, strongest.weight
            from changed left join strongest using (record_id)
            where not is_new or customer_id <> record_name
        )
        select
            c.tenant_id, c.customer_id, case when c.is_new then null else c.former_id end as former_id,
            case
                when c.is_new then 'join'
                when bool_or(anchors.customer_id = c.customer_id) then 'merge'
                when bool_or(c.record_name = c.customer_id) then 'split'
                else 'move'
            end as action,
            list(c.record_name order by c.record_name) as record_names,
            list(
                {
                    'left': l.record_name, 'right': r.record_name,
                    'weight': round(explained.weight, 2), 'parts': explained.parts
                }
                order by explained.weight desc
            ) filter (where explained.uid_l is not null) as links
        from changed_records as c
        left join anchors on c.tenant_id = anchors.tenant_id and c.former_id = anchors.record_name
        left join explained on c.uid_l = explained.uid_l and c.uid_r = explained.uid_r
        left join members as l on explained.uid_l = l.uid
        left join members as r on explained.uid_r = r.uid
        group by c.tenant_id, c.customer_id, c.former_id, c.is_new
    """)
    overrides = defaultdict(list)
    for decision in store.overrides(run.warehouse, in_force=False):
        for side in ("left", "right"):
            overrides[(decision["tenant_id"], decision[side])].append(decision["override_id"])
    rows = []
    counts = {"merge": 0, "split": 0}
    moved = 0
    for tenant, customer, former, action, names, links in run.duck.execute(
        "select tenant_id, customer_id, former_id, action, record_names, links from moves"
        " order by tenant_id, customer_id, former_id"
    ).fetchall():
        counts[action] = counts.get(action, 0) + 1
        moved += len(names) if action != "join" else 0
        by = sorted({override for name in (*names, customer) for override in overrides[(tenant, name)]})
        told = [{**link, "parts": json.loads(link["parts"])} for link in (links or [])[:LINKS_TOLD]]
        rows.append(
            (
                run.run_no, tenant, action, customer, former, names,
                f"override {', '.join(by)}" if by and action != "join" else f"model {run.model.version}",
                json.dumps(told),
            )
        )  # fmt: skip
    run.warehouse.append(
        "identity.merge_log",
        [
            "run_no", "tenant_id", "action", "customer_id", "former_customer_id", "record_names",
            "decided_by", "evidence",
        ],
        rows,
    )  # fmt: skip
    return moved, counts["merge"], counts["split"]


def queue_reviews(run: "Run", refused: Pairs) -> None:
    """Put doubtful pairs before an operator: links that clustering refused, and pairs just below a link."""
    duck, warehouse = run.duck, run.warehouse
    duck.register("_refused", {"uid_l": refused.left + 1, "uid_r": refused.right + 1})
    duck.execute("create or replace table refused as select * from _refused")
    duck.unregister("_refused")
    least = run.model.link_weight - REVIEW_BAND
    duck.execute(f"""
        create or replace table doubtful as
        select uid_l, uid_r from refused
        union
        select least(l.uid, r.uid), greatest(l.uid, r.uid) from possible
        inner join members as l on possible.tenant_id = l.tenant_id and possible.left_name = l.record_name
        inner join members as r on possible.tenant_id = r.tenant_id and possible.right_name = r.record_name
        inner join assigned as al on l.uid = al.uid
        inner join assigned as ar on r.uid = ar.uid
        where weight >= {least} and weight < {run.model.link_weight} and al.grp <> ar.grp
    """)
    explained(run, "doubtful", "doubts")
    warehouse.execute("""
        create temp table _doubts (
            tenant_id text, left_name text, right_name text, reason text,
            weight double precision, evidence jsonb
        ) on commit drop
    """)
    store.push(
        warehouse, duck, run.folder,
        "select l.tenant_id, l.record_name, r.record_name,"
        " case when refused.uid_l is not null"
        " then 'refused: the groups that it would join contradict each other'"
        " else 'possible: the evidence falls short of a link' end, doubts.weight, doubts.parts"
        " from doubts"
        " inner join members as l on doubts.uid_l = l.uid"
        " inner join members as r on doubts.uid_r = r.uid"
        " left join refused on doubts.uid_l = refused.uid_l and doubts.uid_r = refused.uid_r",
        "_doubts", columns=["tenant_id", "left_name", "right_name", "reason", "weight", "evidence"],
    )  # fmt: skip
    warehouse.execute(
        """
        insert into identity.review_queue (tenant_id, left_name, right_name, reason, weight, evidence, run_no)
            select tenant_id, left_name, right_name, reason, weight, evidence, %s from _doubts
            on conflict (tenant_id, left_name, right_name)
            do update set reason = excluded.reason, weight = excluded.weight, evidence = excluded.evidence
        """,
        [run.run_no],
    )
    _settle_reviews(run)


def _settle_reviews(run: "Run") -> None:
    """Take out what is decided, or in doubt no more, of the records that the run has judged or lost."""
    warehouse = run.warehouse
    if run.mode == "incremental":
        for side in ("left_name", "right_name"):
            warehouse.execute(f"""
                delete from identity.review_queue as q
                using _touched as t
                where q.tenant_id = t.tenant_id and q.{side} = t.record_name
                    and (q.tenant_id, q.left_name, q.right_name) not in (
                        select tenant_id, left_name, right_name from _doubts
                    )
            """)
    warehouse.execute("create temp table _judged (tenant_id text, record_name text) on commit drop")
    judged = "select tenant_id, record_name from assigned union select tenant_id, record_name from touched"
    if run.mode == "full":  # the queue was filled anew
        judged = "select tenant_id, record_name from members inner join doubts on uid = uid_l"
    store.push(warehouse, run.duck, run.folder, judged, "_judged", columns=["tenant_id", "record_name"])
    warehouse.execute("""
        analyze _judged;
        create temp table _queued on commit drop as
            select q.tenant_id, q.left_name, q.right_name
            from _judged as j
            inner join identity.review_queue as q
                on j.tenant_id = q.tenant_id and j.record_name = q.left_name
            union
            select q.tenant_id, q.left_name, q.right_name
            from _judged as j
            inner join identity.review_queue as q
                on j.tenant_id = q.tenant_id and j.record_name = q.right_name;
        analyze _queued;
        delete from identity.review_queue as q
        using (
            select queued.tenant_id, queued.left_name, queued.right_name
            from _queued as queued
            left join identity.records as l
                on queued.tenant_id = l.tenant_id and queued.left_name = l.record_name
            left join identity.records as r
                on queued.tenant_id = r.tenant_id and queued.right_name = r.record_name
            left join raw.identity_overrides as o
                on queued.tenant_id = o.tenant_id and o.is_active and not o._deleted
                and (queued.left_name, queued.right_name) in (
                    (identity.record_name(o.left_source, o.left_type, o.left_id),
                        identity.record_name(o.right_source, o.right_type, o.right_id)),
                    (identity.record_name(o.right_source, o.right_type, o.right_id),
                        identity.record_name(o.left_source, o.left_type, o.left_id))
                )
            where l.record_no is null or r.record_no is null
                or l.customer_id = r.customer_id or o.override_id is not null
        ) as settled
        where q.tenant_id = settled.tenant_id
            and q.left_name = settled.left_name and q.right_name = settled.right_name
    """)


def answer_online(run: "Run") -> None:
    """Note beside each answer that was given online what the run made of that record."""
    run.warehouse.execute(
        """
        update identity.resolutions as a set confirmed_run = %s, nightly_customer_id = r.customer_id
        from identity.records as r
        where a.confirmed_run is null and a.tenant_id = r.tenant_id and a.record_name = r.record_name
        """,
        [run.run_no],
    )


def record_run(run: "Run", read: int, moves: tuple[int, int, int]) -> RunResult:
    """Record the run, and land its figures per tenant."""
    warehouse, duck = run.warehouse, run.duck
    before = _counts(run, "former")
    after = _counts(run, "after")
    last = {} if run.mode == "full" else run.last_figures
    tenants = {}
    for tenant in sorted({*last, *before, *after}):
        stood = last.get(tenant, {"records": 0, "customers": 0})
        records, customers = after.get(tenant, (0, 0))
        former_records, former_customers = (0, 0) if run.mode == "full" else before.get(tenant, (0, 0))
        tenants[tenant] = {
            "records": stood["records"] + records - former_records,
            "customers": stood["customers"] + customers - former_customers,
        }
    reviews = dict(warehouse.rows("select tenant_id, count(*) from identity.review_queue group by tenant_id"))
    touched = dict(duck.execute("select tenant_id, count(*) from touched group by tenant_id").fetchall())
    actions: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for tenant, action, count, records in duck.execute(
        "select tenant_id, action, count(*), sum(len(record_names)) from moves group by all"
    ).fetchall():
        actions[tenant][action] = count
        actions[tenant]["moved"] += int(records) if action != "join" else 0
    for tenant, figures in tenants.items():
        row: dict[str, Any] = {
            "run_id": run.run_id,
            "mode": run.mode,
            "model_version": run.model.version,
            "ran_at": run.started_at.isoformat(),
            **figures,
            "new_records": touched.get(tenant, 0),
            "moved_records": actions[tenant]["moved"],
            "merges": actions[tenant]["merge"],
            "splits": actions[tenant]["split"],
            "open_reviews": reviews.get(tenant, 0),
            **_label_figures(run.accuracy.get(tenant, NOTHING)),
        }
        if run.mode == "full" or tenant in touched or tenant in actions or tenant in run.accuracy:
            decide(
                run.loader,
                "identity_runs",
                tenant,
                [row],
                name=f"run-{run.run_id}.jsonl",
                at=run.started_at,
                settings=run.settings,
            )
    figures = {"tenants": tenants}
    warehouse.execute(
        "insert into identity.runs (mode, model_version, pins, started_at, figures)"
        " values (%s, %s, %s, %s, %s)",
        [run.mode, run.model.version, json.dumps(run.pins), run.started_at, json.dumps(figures)],
    )
    moved, merges, splits = moves
    return RunResult(
        run_no=run.run_no,
        mode=run.mode,
        model_version=run.model.version,
        records=sum(told["records"] for told in tenants.values()),
        new_records=read,
        customers=sum(told["customers"] for told in tenants.values()),
        moved_records=moved,
        merges=merges,
        splits=splits,
        open_reviews=sum(reviews.values()),
        map_rows=run.map_rows,
        labels=(measured := sum(run.accuracy.values(), NOTHING)).labels,
        label_accuracy=measured.accuracy,
    )


def _counts(run: "Run", which: str) -> dict[str, tuple[int, int]]:
    """Records and customers per tenant among the affected ones, before the run or after it."""
    if which == "after":
        query = "select tenant_id, record_name, customer_id from assigned"
    else:
        query = (
            "select assigned.tenant_id, record_name, former.customer_id from assigned"
            " inner join standing as former using (record_id) where not former.is_new"
        )
        if run.mode == "incremental":
            query += (
                " union all select split_part(record_id, '/', 1), record_id, customer_id from gone"
                " where record_id not in (select record_id from assigned)"
            )
    found = run.duck.execute(
        f"select tenant_id, count(*), count(distinct customer_id) from ({query}) group by tenant_id"
    ).fetchall()
    return {tenant: (records, customers) for tenant, records, customers in found}


def _label_figures(told: Accuracy) -> dict[str, Any]:
    shares = {"precision": told.precision, "recall": told.recall, "accuracy": told.accuracy}
    return {
        "labels": told.labels,
        **{f"label_{name}": f"{share:.6f}" for name, share in shares.items() if share is not None},
    }
