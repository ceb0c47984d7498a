{{ config(materialized='view') }}
-- One row per closed month of a tenant.
select
    tenant_id,
    cast(month || '-01' as date) as closed_month,
    as_of_date,
    open_items,
    fingerprint,
    closed_at,
    entered_by as closed_by,
    reason
from {{ ref('stg_period_closes') }}
