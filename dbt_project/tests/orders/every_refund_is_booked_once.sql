-- A refund moves money once: on its order when that counts, as an unlinked refund when it names none that is known, and not
-- at all when its order is known and does not count.
with refunds as (

    select refunds.*
    from {{ ref('int_refunds__unioned') }} as refunds
    inner join {{ ref('int_tenants__published') }} as tenants on refunds.tenant_id = tenants.tenant_id

),

booked as (

    select
        tenant_id,
        order_type,
        source,
        event_id as refund_id,
        count(*) as bookings
    from {{ ref('int_orders__events') }}
    where event_type in ('refund', 'unlinked_refund') and _build_id > {{ proven_build() }}
    group by tenant_id, order_type, source, event_id

)

select booked.tenant_id, booked.order_type, booked.source, booked.refund_id, 'is booked twice' as defect
from booked
where booked.bookings > 1
union all
select booked.tenant_id, booked.order_type, booked.source, booked.refund_id, 'is in no feed' as defect
from booked
where not exists (
    select 1 from refunds
    where
        booked.tenant_id = refunds.tenant_id
        and booked.order_type = refunds.order_type
        and booked.source = refunds.source
        and booked.refund_id = refunds.refund_id
)
{% for feed, order_type, refund_id in [('refunds', 'web', 'refund_id'), ('pos_sales', 'store', 'sale_id')] -%}
union all
select refunds.tenant_id, refunds.order_type, refunds.source, refunds.refund_id, 'is not booked' as defect
from refunds
inner join {{ ref('stg_' ~ feed) }} as arrived
    on refunds.order_type = '{{ order_type }}'
    and refunds.tenant_id = arrived.tenant_id
    and refunds.source = arrived.source
    and refunds.refund_id = arrived.{{ refund_id }}
left join {{ ref('int_orders__states') }} as states
    on refunds.tenant_id = states.tenant_id
    and refunds.order_type = states.order_type
    and refunds.source = states.source
    and refunds.order_id = states.order_id
    and refunds.currency = states.currency
where
    arrived._load_id > {{ proven_load(feed) }}
    and (states.order_id is null or states.exclusion_reason is null)
    and not exists (
        select 1 from {{ ref('int_orders__events') }} as events
        where
            events.tenant_id = refunds.tenant_id
            and events.source = refunds.source
            and events.subject_id = case when states.order_id is null then 'refund:' || refunds.refund_id else refunds.order_id end
            and events.event_id = refunds.refund_id
    )
{% endfor %}
