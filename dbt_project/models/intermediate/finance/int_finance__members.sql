{{ config(materialized='ephemeral') }}
-- One row per tenant, kind, source, id and currency of a payout that gateways, couriers or marketplaces owe: the sums of the payments
-- in it.
with members as (

    select
        tenant_id,
        case side when 'payment' then 'payout' else 'remittance' end as kind,
        source,
        payout_id,
        payment_type,
        currency,
        amount,
        fee_amount
    from {{ source('finance', 'receipt_states') }}
    where payout_id is not null and {{ moved_money('state') }}
    union all
    select
        parts.tenant_id,
        'unsettled' as kind,
        parts.source,
        parts.payout_id,
        receipts.payment_type,
        receipts.currency,
        receipts.amount,
        receipts.fee_amount
    from {{ source('finance', 'unsettled_states') }} as parts
    inner join {{ source('finance', 'receipt_states') }} as receipts
        on parts.tenant_id = receipts.tenant_id
        and receipts.side = 'payment'
        and parts.source = receipts.source
        and parts.payment_id = receipts.receipt_id
    where {{ moved_money('receipts.state') }}

)

select
    tenant_id,
    kind,
    source,
    payout_id,
    currency,
    count(*) as payments,
    sum(case when payment_type = 'charge' then amount else 0 end) as charge_amount,
    sum(case when payment_type = 'refund' then amount else 0 end) as refund_amount,
    sum(case when payment_type = 'chargeback' then amount else 0 end) as chargeback_amount,
    sum(fee_amount) as fee_amount
from members
group by tenant_id, kind, source, payout_id, currency
