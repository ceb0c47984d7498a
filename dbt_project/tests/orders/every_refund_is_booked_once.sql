-- A refund moves money once: on its order when that counts, as an unlinked refund when it names none that is known, and not
-- at all when its order is known and does not count.
with booked as (

    select
        tenant_id,
        order_type,
        source,
        event_id as refund_id,
        count(*) as bookings
    from {{ ref('int_orders__events') }}
    where event_type in ('refund', 'unlinked_refund') and _build_id > {{ proven_build() }}
    group by tenant_id, order_type, source, event_id

),

arrived as (

    select
        refunds.*,
        (
            select max(case when states.exclusion_reason is null then 'counts' else 'does not count' end)
            from {{ ref('int_orders__states') }} as states
            where
                states.tenant_id = refunds.tenant_id
                and states.order_type = refunds.order_type
                and states.source = refunds.source
                and states.order_id = refunds.order_id
                and states.currency = refunds.currency
        ) as its_order
    from {{ ref('int_refunds__unioned') }} as refunds
    inner join {{ ref('int_tenants__published') }} as tenants on refunds.tenant_id = tenants.tenant_id
    where
        (refunds.order_type = 'web' and refunds._load_id > {{ proven_load('refunds') }})
        or (refunds.order_type = 'store' and refunds._load_id > {{ proven_load('pos_sales') }})

)

select tenant_id, order_type, source, refund_id, 'is booked twice' as defect
from booked
where bookings > 1
union all
select tenant_id, order_type, source, refund_id, 'is in no feed' as defect
from booked
where not exists (
    select 1 from {{ ref('int_refunds__unioned') }} as refunds
    inner join {{ ref('int_tenants__published') }} as tenants on refunds.tenant_id = tenants.tenant_id
    where
        refunds.tenant_id = booked.tenant_id
        and refunds.order_type = booked.order_type
        and refunds.source = booked.source
        and refunds.refund_id = booked.refund_id
)
union all
select tenant_id, order_type, source, refund_id, 'is not booked' as defect
from arrived
where
    coalesce(its_order, 'is unknown') <> 'does not count'
    and not exists (
        select 1 from {{ ref('int_orders__events') }} as events
        where
            events.tenant_id = arrived.tenant_id
            and events.source = arrived.source
            and events.subject_id = case when arrived.its_order is null then 'refund:' || arrived.refund_id else arrived.order_id end
            and events.event_id = arrived.refund_id
    )
