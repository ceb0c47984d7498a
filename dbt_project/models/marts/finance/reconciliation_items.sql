{{ config(materialized='view') }}
-- One row per tenant and record of money that the last night looked at, in exactly one state. Amounts add up over records of one side
-- and currency, never over sides: each side tells the same money.
with items as (

    select * from {{ ref('int_finance__items') }}

),

final as (

    select
        tenant_id,
        side,
        source,
        item_id,
        item_type,
        item_date,
        currency,
        amount,
        fee_amount,
        counter_currency,
        counter_amount,
        difference,
        counterpart_side,
        counterpart_source,
        counterpart_id,
        reference,
        sender,
        payout_id,
        found_state,
        matched_by,
        state,
        is_open,
        opened_date,
        age_days,
        age_bucket,
        explanation_category,
        explanation_counterpart_id,
        explanation_reason,
        explained_by,
        explained_at,
        as_of_date
    from items

)

select * from final
