-- Per tenant, side and currency the records of reconciliation_summary and their amounts are those of the feeds, by the feeds' own rules:
-- what was paid, given back, remitted, due and booked up to the day. Only nights that stand on what this build stands on can be held
-- against it; for others it looks at nothing, and for a night that a build has proven.
{% set feeds = ['orders', 'payments', 'remittances', 'refunds', 'pos_sales', 'bank_lines'] -%}
with nights as (

    select nights.*
    from (
        {{ unproven_nights() }}
    ) as nights
    where
        {% for feed in feeds -%}
        {{ number_in('nights.positions', feed) }} = {{ pin(feed) }}
        and {% endfor -%}
        not exists (
            select 1 from {{ ref('tracked_orders') }} as newer
            where newer.tenant_id = nights.tenant_id and newer._build_id > {{ number_in('nights.positions', 'builds') }}
        )

),

orders as (

    select
        orders.tenant_id,
        orders.source,
        orders.order_id,
        orders.payment_method,
        orders.currency,
        orders.gross_amount,
        tracked.is_completed
    from {{ ref('stg_orders') }} as orders
    inner join nights on orders.tenant_id = nights.tenant_id
    inner join {{ ref('tracked_orders') }} as tracked
        on orders.tenant_id = tracked.tenant_id
        and orders.source = tracked.source
        and orders.order_id = tracked.order_id
    where orders.gross_amount > 0 and coalesce(tracked.completed_at, orders.paid_at) < nights.end_at

),

payments as (

    select payments.*
    from {{ ref('stg_payments') }} as payments
    inner join nights on payments.tenant_id = nights.tenant_id and payments.occurred_at < nights.end_at

),

remittances as (

    select remittances.*
    from {{ ref('stg_remittances') }} as remittances
    inner join nights on remittances.tenant_id = nights.tenant_id and remittances.collected_at < nights.end_at

),

records as (

    select tenant_id, 'order' as side, currency, gross_amount as amount from orders
    where is_completed
    union all
    select tenant_id, 'payment', currency, amount from payments
    union all
    select tenant_id, 'remittance', currency, collected_amount from remittances
    union all
    select refunds.tenant_id, 'refund', refunds.currency, refunds.amount
    from {{ ref('stg_refunds') }} as refunds
    inner join nights on refunds.tenant_id = nights.tenant_id and refunds.refunded_at < nights.end_at
    inner join orders
        on refunds.tenant_id = orders.tenant_id
        and refunds.source = orders.source
        and refunds.order_id = orders.order_id
    where refunds.status = 'succeeded' and orders.payment_method in ('card', 'wallet')
    union all
    select booked.tenant_id, 'bank_line', booked.currency, booked.amount
    from {{ ref('stg_bank_lines') }} as booked
    inner join nights on booked.tenant_id = nights.tenant_id and booked.booked_at < nights.end_at

),

-- how many payouts there are is for the reconciliation to say; what they come to is not

dues as (

    select
        tenant_id,
        currency,
        case when payment_type = 'charge' then amount else -amount end - coalesce(fee_amount, 0) as amount
    from payments
    where status = 'succeeded'
    union all
    select tenant_id, currency, net_amount from remittances
    union all
    select
        sales.tenant_id,
        sales.currency,
        case when sales.sale_type = 'sale' then sales.gross_amount else -sales.gross_amount end
    from {{ ref('stg_pos_sales') }} as sales
    inner join nights on sales.tenant_id = nights.tenant_id and sales.sold_at < nights.end_at
    where sales.status = 'completed' and sales.payment_method in ('cash', 'card', 'wallet')
    union all
    select tenant_id, currency, gross_amount from orders
    where payment_method = 'bank_transfer'

),

expected as (

    select tenant_id, side, currency, count(*) as items, sum(amount) as amount
    from records
    group by tenant_id, side, currency
    union all
    select tenant_id, 'payout', currency, null, sum(amount)
    from dues
    group by tenant_id, currency

),

found as (

    select
        told.tenant_id,
        told.side,
        told.currency,
        case when told.side <> 'payout' then sum(told.items) end as items,
        sum(told.amount) as amount
    from {{ ref('reconciliation_summary') }} as told
    inner join nights on told.tenant_id = nights.tenant_id
    group by told.tenant_id, told.side, told.currency

)

select
    coalesce(expected.tenant_id, found.tenant_id) as tenant_id,
    coalesce(expected.side, found.side) as side,
    coalesce(expected.currency, found.currency) as currency,
    expected.items as items_in_feeds,
    found.items as items_in_mart,
    expected.amount as amount_in_feeds,
    found.amount as amount_in_mart
from expected
full outer join found
    on expected.tenant_id = found.tenant_id
    and expected.side = found.side
    and expected.currency = found.currency
where expected.items is distinct from found.items or coalesce(expected.amount, 0) <> coalesce(found.amount, 0)
