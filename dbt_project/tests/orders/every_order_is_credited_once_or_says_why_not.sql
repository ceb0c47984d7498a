-- Credited + attributed by source + not credited = orders: each order is in exactly one state, and the state's columns agree.
select
    tenant_id,
    source,
    order_id,
    credit_status,
    matched_by,
    kol_id,
    not_credited_reason
from {{ ref('tracked_orders') }}
where
    _build_id > {{ proven_build() }}
    and case credit_status
        when 'credited'
            then
                kol_id is not null
                and coalesce(matched_by in ('token', 'click', 'coupon'), false)
                and not_credited_reason is null
        when 'attributed_by_source'
            then
                coalesce(matched_by = 'source', false)
                and (kol_id is null) = coalesce(not_credited_reason = 'source_kol_unknown', false)
        when 'not_credited' then kol_id is null and matched_by is null and not_credited_reason is not null
        else false
    end is distinct from true
