-- What was due is the charges less refunds, chargebacks and fees of the payments in it, and what came, may come, is open, explained or
-- let pass. Looks at tenants with a night that no build has proven.
with nights as (

    {{ unproven_nights() }}

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
where
    settlement.due_amount <> settlement.charge_amount - settlement.refund_amount - settlement.chargeback_amount - settlement.fee_amount
    or settlement.due_amount <> settlement.received_amount + settlement.timing_amount + settlement.open_amount
    + settlement.explained_amount + settlement.passed_amount
    or settlement.payouts
    <> settlement.matched_payouts + settlement.timing_payouts + settlement.open_payouts + settlement.explained_payouts
