-- Every completed order stands once in paid_orders.
with written as (

    select *
    from {{ ref('tracked_orders') }}
    where _build_id > {{ proven_build() }} and is_completed

)

select written.tenant_id, written.source, written.order_id, count(listed.order_id) as rows_found
from written
{{ look_up(ref('paid_orders'), 'listed', {
    'tenant_id': 'written.tenant_id',
    'source': 'written.source',
    'order_id': 'written.order_id',
}, kind='left') }}
group by written.tenant_id, written.source, written.order_id
having count(listed.order_id) <> 1
