-- Over all measures of a currency, what monthly_closes says of a month is the sum of all amounts in the books that are booked in it, or
-- happened in it; and what is booked ties to what belongs to it.
with touched as (

    select tenant_id, event_month as month_start from {{ ref('int_closes__booked') }}
    where _build_id > {{ proven_build() }}
    union
    select tenant_id, posting_month as month_start from {{ ref('int_closes__booked') }}
    where _build_id > {{ proven_build() }}

),

entries as (

    select
        tenant_id,
        currency,
        event_date,
        posting_date,
        amount + vat_amount + discount_amount + fee_amount as amount
    from {{ ref('financial_journal') }}
    union all
    select tenant_id, currency, event_date, posting_date, amount
    from {{ ref('stg_ledger_entries') }}
    where account = 'commission_expense'

),

expected as (

    select tenant_id, month_start, currency, sum(booked) as booked_amount, sum(current_sum) as current_amount
    from (
        select touched.tenant_id, touched.month_start, entries.currency, entries.amount as booked, 0 as current_sum
        from touched
        inner join entries
            on touched.tenant_id = entries.tenant_id
            and entries.posting_date between touched.month_start and touched.month_start + 30
            and touched.month_start = cast(date_trunc('month', entries.posting_date) as date)
        union all
        select touched.tenant_id, touched.month_start, entries.currency, 0 as booked, entries.amount as current_sum
        from touched
        inner join entries
            on touched.tenant_id = entries.tenant_id
            and entries.event_date between touched.month_start and touched.month_start + 30
            and touched.month_start = cast(date_trunc('month', entries.event_date) as date)
    ) as parts
    group by tenant_id, month_start, currency

),

told as (

    select closes.tenant_id, closes.month_start, closes.currency,
        sum(closes.booked_amount) as booked_amount,
        sum(closes.current_amount) as current_amount,
        sum(closes.booked_amount - closes.earlier_amount + closes.since_close_amount) as tied_amount
    from {{ ref('monthly_closes') }} as closes
    inner join touched on closes.tenant_id = touched.tenant_id and closes.month_start = touched.month_start
    where closes.measure not in ('kol_payable', 'kol_held', 'kol_receivable', 'cash', 'penalty_income')
    group by closes.tenant_id, closes.month_start, closes.currency

)

select
    coalesce(expected.tenant_id, told.tenant_id) as tenant_id,
    coalesce(expected.month_start, told.month_start) as month_start,
    coalesce(expected.currency, told.currency) as currency
from expected
full outer join told
    on expected.tenant_id = told.tenant_id
    and expected.month_start = told.month_start
    and expected.currency = told.currency
where
    coalesce(expected.booked_amount, 0) <> coalesce(told.booked_amount, 0)
    or coalesce(expected.current_amount, 0) <> coalesce(told.current_amount, 0)
    or coalesce(told.current_amount, 0) <> coalesce(told.tied_amount, 0)
