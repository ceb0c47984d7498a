{{ config(indexes=[{'columns': ['tenant_id', 'contract_id']}]) }}
-- One row per contract: what it says, in words, and since when it says so.
select
    tenant_id,
    contract_id,
    'contract ' || contract_id || ' of ' || cast({{ local_timestamp('updated_at', "'UTC'") }} as text) || ' UTC: '
    || cast(starts_on as text) || ' to ' || cast(ends_on as text) || ', fixed ' || cast(fixed_fee as text)
    || ', platform ' || cast(platform_fee as text) || ', goods ' || cast(goods_cost as text) || ' ' || currency
    || ', commission ' || cast(commission_rate as text) as terms
from {{ ref('stg_kol_contracts') }}
