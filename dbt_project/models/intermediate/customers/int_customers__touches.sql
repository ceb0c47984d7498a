{{ config(materialized='view') }}
-- One row per customer who came: the first and the last time, by a valid click of a visitor of theirs or by a completed order.
with touches as (

    select
        tenant_id,
        customer_id,
        event_at as touched_at,
        'order' as touch_type,
        channel,
        case when credit_status = 'credited' then kol_id end as kol_id
    from {{ ref('int_orders__events') }}
    where event_type = 'completion' and customer_id is not null
    union all
    select tenant_id, customer_id, first_clicked_at, 'click', channel, kol_id
    from {{ ref('int_customers__visits') }}
    where first_clicked_at is not null
    union all
    select tenant_id, customer_id, last_clicked_at, 'click', channel, kol_id
    from {{ ref('int_customers__visits') }}
    where last_clicked_at is not null

),

numbered as (

    select
        *,
        row_number() over (
            partition by tenant_id, customer_id order by touched_at, touch_type, channel, kol_id
        ) as from_the_first,
        row_number() over (
            partition by tenant_id, customer_id order by touched_at desc, touch_type desc, channel asc, kol_id asc
        ) as from_the_last
    from touches

)

select
    tenant_id,
    customer_id,
    {% for end in ['first', 'last'] -%}
    max(case when from_the_{{ end }} = 1 then touched_at end) as {{ end }}_touch_at,
    max(case when from_the_{{ end }} = 1 then touch_type end) as {{ end }}_touch_type,
    max(case when from_the_{{ end }} = 1 then channel end) as {{ end }}_touch_channel,
    max(case when from_the_{{ end }} = 1 then kol_id end) as {{ end }}_touch_kol_id{{ ',' if not loop.last }}
    {% endfor -%}
from numbered
where from_the_first = 1 or from_the_last = 1
group by tenant_id, customer_id
