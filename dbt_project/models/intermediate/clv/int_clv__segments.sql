{{ config(materialized='view') }}
-- One row per tenant, as-of day and segment that was landed: from which forecast on a customer belongs to it.
select
    tenant_id,
    as_of_date,
    segment,
    net_value_from
from {{ ref('stg_clv_segments') }}
