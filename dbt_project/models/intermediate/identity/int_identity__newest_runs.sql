{{ config(materialized='view') }}
-- One row per tenant whose records were matched: the newest run of the matcher.
with runs as (

    select
        *,
        row_number() over (partition by tenant_id order by ran_at desc, run_id desc) as run_number
    from {{ ref('stg_identity_runs') }}

)

select
    tenant_id,
    run_id,
    mode,
    model_version,
    ran_at,
    open_reviews,
    labels,
    label_precision,
    label_recall,
    label_accuracy
from runs
where run_number = 1
