{{ config(materialized='view') }}
-- One row per tenant, side, type, currency and state of the records that the last night looked at. Counts add up over rows of one side,
-- amounts over rows of one side and currency.
with items as (

    select * from {{ ref('int_finance__items') }}

),

final as (

    select
        tenant_id,
        side,
        item_type,
        currency,
        state,
        -- of one state all are open or none; Postgres expects too many groups if they are told apart by it once more
        {{ is_break('state') }} and state <> 'explained' as is_open,
        max(as_of_date) as as_of_date,
        count(*) as items,
        cast(sum(amount) as numeric(38, 4)) as amount,
        cast(sum(fee_amount) as numeric(38, 4)) as fee_amount,
        cast(sum(case when counter_currency = currency then counter_amount end) as numeric(38, 4)) as counter_amount,
        cast(sum(difference) as numeric(38, 4)) as difference,
        count(case when counter_currency <> currency then 1 end) as items_in_other_currency
    from items
    group by tenant_id, side, item_type, currency, state

)

select * from final
