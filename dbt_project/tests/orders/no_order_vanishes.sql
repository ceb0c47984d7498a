-- Every order of the feed is judged for credit and, when its tenant may be published, stands in tracked_orders; nothing
-- else stands there.
with tenants as (

    select * from {{ ref('int_tenants__published') }}

),

orders as (

    select
        orders.tenant_id,
        orders.source,
        orders.order_id
    from {{ ref('stg_orders') }} as orders
    inner join tenants on orders.tenant_id = tenants.tenant_id
    where orders._load_id > {{ proven_load('orders') }}

),

credit as (

    select * from {{ ref('int_orders__credit') }}

)

select orders.*, 'is not judged for credit' as defect
from orders
where not exists (
    select 1 from credit
    where orders.tenant_id = credit.tenant_id and orders.source = credit.source and orders.order_id = credit.order_id
)
union all
select orders.*, 'is missing in tracked_orders' as defect
from orders
where not exists (
    select 1 from {{ ref('tracked_orders') }} as tracked
    where orders.tenant_id = tracked.tenant_id and orders.source = tracked.source and orders.order_id = tracked.order_id
)
union all
select tracked.tenant_id, tracked.source, tracked.order_id, 'is in no feed' as defect
from {{ ref('tracked_orders') }} as tracked
where
    tracked._build_id > {{ proven_build() }}
    and (
        select count(*) from {{ ref('stg_orders') }} as orders
        where orders.tenant_id = tracked.tenant_id and orders.source = tracked.source and orders.order_id = tracked.order_id
    ) = 0
union all
select tracked.tenant_id, tracked.source, tracked.order_id, 'was deleted at its source' as defect
from {{ source('raw', 'orders') }} as deleted
inner join {{ ref('tracked_orders') }} as tracked
    on deleted.tenant_id = tracked.tenant_id and deleted.source = tracked.source and deleted.order_id = tracked.order_id
inner join tenants on deleted.tenant_id = tenants.tenant_id
where deleted._deleted and deleted._load_id > {{ proven_load('orders') }} and deleted._load_id <= {{ pin('orders') }}
