-- A visitor is shared exactly when keys tie it to several customers, and each tie rests on a login, an order or a link.
select
    ties.tenant_id,
    ties.visitor_id,
    count(*) as customers
from {{ ref('int_visitors__ties') }} as ties
where exists (
    select 1 from {{ ref('int_visitors__ties') }} as written
    where
        written._build_id > {{ proven_build() }}
        and ties.tenant_id = written.tenant_id
        and ties.visitor_id = written.visitor_id
)
group by ties.tenant_id, ties.visitor_id
having
    count(*) <> count(distinct ties.customer_id)
    or min(case when ties.is_shared then 1 else 0 end) <> max(case when ties.is_shared then 1 else 0 end)
    or max(case when ties.is_shared then 1 else 0 end) <> case when count(*) > 1 then 1 else 0 end
union all
select
    ties.tenant_id,
    ties.visitor_id,
    0 as customers
from {{ ref('int_visitors__ties') }} as ties
{{ look_up(ref('int_visitors__keys'), 'keys', {
    'tenant_id': 'ties.tenant_id',
    'visitor_id': 'ties.visitor_id',
    'customer_id': 'ties.customer_id',
}, kind='left') }}
where
    ties._build_id > {{ proven_build() }}
    and keys.tenant_id is null
