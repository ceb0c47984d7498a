-- What was due is the charges less refunds, chargebacks and fees of the payments in it; what came, may come, is open and explained is
-- what was due, but for what matched payouts differ by, which is within the tenant's tolerance. Looks at nights that no build has proven.
with nights as (

    {{ unproven_nights() }}

),

passed as (

    select
        items.tenant_id,
        items.item_date as due_on,
        items.item_type as kind,
        items.source,
        items.currency,
        sum(items.amount - coalesce(items.counter_amount, 0)) as passed_amount
    from {{ ref('reconciliation_items') }} as items
    inner join nights on items.tenant_id = nights.tenant_id
    where items.side = 'payout' and items.state = 'matched'
    group by items.tenant_id, items.item_date, items.item_type, items.source, items.currency

)

select
    settlement.tenant_id,
    settlement.due_on,
    settlement.kind,
    settlement.source,
    settlement.currency,
    settlement.due_amount
from {{ ref('settlement') }} as settlement
inner join nights on settlement.tenant_id = nights.tenant_id
left join passed
    on settlement.tenant_id = passed.tenant_id
    and settlement.due_on is not distinct from passed.due_on
    and settlement.kind = passed.kind
    and settlement.source = passed.source
    and settlement.currency = passed.currency
where
    settlement.due_amount <> settlement.charge_amount - settlement.refund_amount - settlement.chargeback_amount - settlement.fee_amount
    or settlement.due_amount <> settlement.received_amount + settlement.timing_amount + settlement.open_amount
    + settlement.explained_amount + coalesce(passed.passed_amount, 0)
    or settlement.payouts
    <> settlement.matched_payouts + settlement.timing_payouts + settlement.open_payouts + settlement.explained_payouts
