{{ config(materialized='view') }}
-- One row per flag on whom somebody's word is in force: the latest that was not taken back.
with ranked as (

    select
        *,
        row_number() over (
            partition by tenant_id, order_source, order_id, rule
            order by reviewed_at desc, review_id desc
        ) as review_rank
    from {{ ref('stg_fraud_reviews') }}

)

select
    tenant_id,
    order_source as source,
    order_id,
    rule,
    verdict,
    reviewed_at,
    entered_by,
    reason
from ranked
where review_rank = 1 and verdict <> 'withdrawn'
