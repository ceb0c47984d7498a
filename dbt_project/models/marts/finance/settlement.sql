{{ config(materialized='view') }}
-- One row per tenant, due day, kind, source and currency of what was due at the bank. Counts add up over rows, amounts over rows of one
-- currency: charges less refunds, chargebacks and fees are what was due, and that is what came, may come, is open, explained or let
-- pass.
with payouts as (

    select * from {{ ref('int_finance__items') }}
    where side = 'payout'

),

members as (

    select * from {{ ref('int_finance__members') }}

),

joined as (

    select
        payouts.*,
        case when payouts.counter_currency = payouts.currency then payouts.counter_amount end as received_amount,
        members.payments,
        -- takings and transfers have no payments of a gateway in them: what is due was sold
        case when payouts.item_type in ('takings', 'transfer') then payouts.amount else coalesce(members.charge_amount, 0) end
            as charge_amount,
        members.refund_amount,
        members.chargeback_amount,
        members.fee_amount as fees
    from payouts
    left join members
        on payouts.tenant_id = members.tenant_id
        and payouts.item_type = members.kind
        and payouts.source = members.source
        and payouts.item_id = members.payout_id
        and payouts.currency = members.currency

),

final as (

    select
        tenant_id,
        item_date as due_on,
        item_type as kind,
        source,
        currency,
        min(sender) as sender,
        count(*) as payouts,
        cast(coalesce(sum(payments), 0) as bigint) as payments,
        cast(sum(charge_amount) as numeric(38, 4)) as charge_amount,
        cast(coalesce(sum(refund_amount), 0) as numeric(38, 4)) as refund_amount,
        cast(coalesce(sum(chargeback_amount), 0) as numeric(38, 4)) as chargeback_amount,
        cast(coalesce(sum(fees), 0) as numeric(38, 4)) as fee_amount,
        cast(sum(amount) as numeric(38, 4)) as due_amount,
        cast(coalesce(sum(received_amount), 0) as numeric(38, 4)) as received_amount,
        cast(sum(case when state = 'timing' then amount - coalesce(received_amount, 0) else 0 end) as numeric(38, 4)) as timing_amount,
        cast(sum(case when is_open then amount - coalesce(received_amount, 0) else 0 end) as numeric(38, 4)) as open_amount,
        cast(sum(case when state = 'explained' then amount - coalesce(received_amount, 0) else 0 end) as numeric(38, 4))
            as explained_amount,
        cast(sum(case when state = 'matched' then amount - coalesce(received_amount, 0) else 0 end) as numeric(38, 4)) as passed_amount,
        count(case when state = 'matched' then 1 end) as matched_payouts,
        count(case when state = 'timing' then 1 end) as timing_payouts,
        count(case when is_open then 1 end) as open_payouts,
        count(case when state = 'explained' then 1 end) as explained_payouts
    from joined
    group by tenant_id, item_date, item_type, source, currency

)

select * from final
