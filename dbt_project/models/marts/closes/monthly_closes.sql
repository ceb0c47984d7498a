-- One row per tenant, month, measure and currency: what is booked in the month beside what belongs to it now. Measures of one unit do
-- not add up over each other. booked - earlier + since_close = current.
with booked as (

    select * from {{ ref('int_closes__booked') }}

),

closes as (

    select * from {{ ref('int_closes__months') }}

),

sides as (

    -- what is booked in the month, of whichever month it is
    select
        tenant_id,
        posting_month as month_start,
        measure,
        currency,
        amount as booked_amount,
        case when event_month < posting_month then amount else 0 end as earlier_amount,
        0 as since_close_amount,
        case when event_month = posting_month then amount else 0 end as current_amount
    from booked
    union all
    -- what happened in the month and is booked in a later one
    select
        tenant_id,
        event_month as month_start,
        measure,
        currency,
        0 as booked_amount,
        0 as earlier_amount,
        amount as since_close_amount,
        amount as current_amount
    from booked
    where event_month < posting_month

),

months as (

    select
        tenant_id,
        month_start,
        measure,
        currency,
        sum(booked_amount) as booked_amount,
        sum(earlier_amount) as earlier_amount,
        sum(since_close_amount) as since_close_amount,
        sum(current_amount) as current_amount
    from sides
    group by tenant_id, month_start, measure, currency

),

final as (

    select
        months.tenant_id,
        months.month_start,
        months.measure,
        months.currency,
        closes.closed_at is not null as is_closed,
        cast(months.booked_amount as numeric(20, 4)) as booked_amount,
        cast(months.earlier_amount as numeric(20, 4)) as earlier_amount,
        cast(months.since_close_amount as numeric(20, 4)) as since_close_amount,
        cast(months.current_amount as numeric(20, 4)) as current_amount,
        closes.closed_at,
        closes.closed_by,
        closes.reason as close_reason,
        closes.open_items,
        closes.fingerprint
    from months
    left join closes
        on months.tenant_id = closes.tenant_id and months.month_start = closes.closed_month

)

select * from final
