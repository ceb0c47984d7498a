{{ config(materialized='ephemeral') }}
-- One row per record that the last night looked at: completed orders, payments, remittances, refunds, payouts and lines of the bank,
-- each with its state, what the other side says, and what was explained by hand. Ephemeral: marts show the tables of finance as they
-- stand, and no view between them has to be guarded or is dropped with the one below it.
with runs as (

    select
        *,
        row_number() over (partition by tenant_id order by run_id desc) as run_number
    from {{ source('finance', 'reconciliation_runs') }}

),

orders as (

    select
        tenant_id,
        'order' as side,
        source,
        order_id as item_id,
        'order' as item_type,
        cast(null as date) as own_date,
        paid_at,
        currency,
        gross_amount as amount,
        cast(null as numeric(20, 4)) as fee_amount,
        charged_currency as counter_currency,
        charged_amount as counter_amount,
        charged_amount - gross_amount as difference,
        receipt_side as counterpart_side,
        receipt_source as counterpart_source,
        receipt_id as counterpart_id,
        state,
        matched_by,
        'order' as explained_as,
        cast(null as text) as reference,
        cast(null as text) as sender,
        cast(null as text) as payout_id
    from {{ source('finance', 'order_states') }}
    where is_completed and state <> 'by_bank'

),

-- what customers transfer themselves no gateway reports; the bank tells

transferred_orders as (

    select
        orders.tenant_id,
        'order' as side,
        orders.source,
        orders.order_id as item_id,
        'order' as item_type,
        cast(null as date) as own_date,
        orders.paid_at,
        orders.currency,
        orders.gross_amount as amount,
        cast(null as numeric(20, 4)) as fee_amount,
        payouts.received_currency as counter_currency,
        payouts.received_amount as counter_amount,
        payouts.received_amount - orders.gross_amount as difference,
        case when payouts.line_id is not null then 'bank_line' end as counterpart_side,
        payouts.account_id as counterpart_source,
        payouts.line_id as counterpart_id,
        payouts.state,
        payouts.matched_by,
        'order' as explained_as,
        payouts.reference,
        payouts.sender,
        payouts.payout_id
    from {{ source('finance', 'order_states') }} as orders
    inner join {{ source('finance', 'payout_states') }} as payouts
        on orders.tenant_id = payouts.tenant_id
        and payouts.kind = 'transfer'
        and orders.source = payouts.source
        and orders.order_id = payouts.payout_id
        and orders.currency = payouts.currency
    where orders.is_completed and orders.state = 'by_bank'

),

receipts as (

    select
        tenant_id,
        side,
        source,
        receipt_id as item_id,
        payment_type as item_type,
        cast(null as date) as own_date,
        paid_at,
        currency,
        amount,
        fee_amount,
        -- the only charge of an order is held against all of it; of several each has its own amount to show for it while they add up
        case
            when payment_type = 'charge' and order_charges = 1 then order_currency
            when payment_type <> 'chargeback' and state = 'matched' then currency
        end as counter_currency,
        case
            when payment_type = 'charge' and order_charges = 1 then order_amount
            when payment_type <> 'chargeback' and state = 'matched' then amount
        end as counter_amount,
        case
            when payment_type = 'charge' and order_charges = 1 then order_amount - amount
            when payment_type <> 'chargeback' and state = 'matched' then 0
        end as difference,
        case when order_id is not null then 'order' end as counterpart_side,
        order_source as counterpart_source,
        order_id as counterpart_id,
        state,
        matched_by,
        'payment' as explained_as,
        reference,
        cast(null as text) as sender,
        payout_id
    from {{ source('finance', 'receipt_states') }}

),

refunds as (

    select
        tenant_id,
        'refund' as side,
        source,
        refund_id as item_id,
        'refund' as item_type,
        cast(null as date) as own_date,
        refunded_at as paid_at,
        currency,
        amount,
        cast(null as numeric(20, 4)) as fee_amount,
        case when payment_id is not null then currency end as counter_currency,
        case when payment_id is not null then amount end as counter_amount,
        case when payment_id is not null then 0 end as difference,
        case when payment_id is not null then 'payment' end as counterpart_side,
        payment_source as counterpart_source,
        payment_id as counterpart_id,
        state,
        case when payment_id is not null then 'reference' end as matched_by,
        'refund' as explained_as,
        order_id as reference,
        cast(null as text) as sender,
        cast(null as text) as payout_id
    from {{ source('finance', 'refund_states') }}

),

payouts as (

    select
        dues.tenant_id,
        'payout' as side,
        dues.source,
        dues.payout_id as item_id,
        dues.kind as item_type,
        -- a remittance of which nobody says when it was sent is of the day of its line
        coalesce(dues.due_on, came.booked_on) as own_date,
        cast(null as timestamp with time zone) as paid_at,
        dues.currency,
        dues.amount,
        cast(null as numeric(20, 4)) as fee_amount,
        dues.received_currency as counter_currency,
        dues.received_amount as counter_amount,
        dues.received_amount - dues.amount as difference,
        case when dues.line_id is not null then 'bank_line' end as counterpart_side,
        dues.account_id as counterpart_source,
        dues.line_id as counterpart_id,
        dues.state,
        dues.matched_by,
        -- who explains an order explains what it is at the bank
        case when dues.kind = 'transfer' then 'order' else 'payout' end as explained_as,
        dues.reference,
        dues.sender,
        dues.payout_id
    from {{ source('finance', 'payout_states') }} as dues
    left join {{ source('finance', 'line_states') }} as came
        on dues.tenant_id = came.tenant_id and dues.account_id = came.account_id and dues.line_id = came.line_id

),

bank_lines as (

    select
        booked.tenant_id,
        'bank_line' as side,
        booked.account_id as source,
        booked.line_id as item_id,
        'bank_line' as item_type,
        booked.booked_on as own_date,
        cast(null as timestamp with time zone) as paid_at,
        booked.currency,
        booked.amount,
        cast(null as numeric(20, 4)) as fee_amount,
        -- as of the charges of an order
        case when payouts.lines = 1 then payouts.currency when booked.state = 'matched' then booked.currency end as counter_currency,
        case when payouts.lines = 1 then payouts.amount when booked.state = 'matched' then booked.amount end as counter_amount,
        case when payouts.lines = 1 then payouts.amount - booked.amount when booked.state = 'matched' then 0 end as difference,
        case when booked.payout_id is not null then 'payout' end as counterpart_side,
        booked.source as counterpart_source,
        booked.payout_id as counterpart_id,
        booked.state,
        booked.matched_by,
        'bank_line' as explained_as,
        cast(null as text) as reference,
        booked.sender,
        booked.payout_id
    from {{ source('finance', 'line_states') }} as booked
    left join {{ source('finance', 'payout_states') }} as payouts
        on booked.tenant_id = payouts.tenant_id
        and booked.kind = payouts.kind
        and booked.source = payouts.source
        and booked.payout_id = payouts.payout_id
        and booked.payout_currency = payouts.currency

),

items as (

    select * from orders
    union all
    select * from transferred_orders
    union all
    select * from receipts
    union all
    select * from refunds
    union all
    select * from payouts
    union all
    select * from bank_lines

),

-- an explanation that names no source holds where none names this one

explained as (

    select
        items.*,
        runs.as_of_date,
        coalesce(items.own_date, {{ local_date('items.paid_at', 'runs.time_zone') }}) as item_date,
        case when own.item_id is not null then own.is_withdrawn else anyones.is_withdrawn end as is_withdrawn,
        case when own.item_id is not null then own.category else anyones.category end as category,
        case when own.item_id is not null then own.counterpart_id else anyones.counterpart_id end as explained_counterpart_id,
        case when own.item_id is not null then own.reason else anyones.reason end as reason,
        case when own.item_id is not null then own.entered_by else anyones.entered_by end as entered_by,
        case when own.item_id is not null then own.explained_at else anyones.explained_at end as explained_at
    from items
    inner join runs on items.tenant_id = runs.tenant_id and runs.run_number = 1
    left join {{ ref('int_finance__explanations') }} as own
        on items.tenant_id = own.tenant_id
        and items.explained_as = own.side
        and items.item_id = own.item_id
        and items.source = own.item_source
    left join {{ ref('int_finance__explanations') }} as anyones
        on items.tenant_id = anyones.tenant_id
        and items.explained_as = anyones.side
        and items.item_id = anyones.item_id
        and anyones.item_source is null

),

stated as (

    select
        *,
        coalesce(not is_withdrawn, false) as is_explained,
        {{ is_break('state') }} and coalesce(is_withdrawn, true) as is_open,
        as_of_date - item_date as age_days
    from explained

)

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
    case when counter_currency = currency then cast(difference as numeric(20, 4)) end as difference,
    counterpart_side,
    counterpart_source,
    counterpart_id,
    reference,
    sender,
    payout_id,
    state as found_state,
    matched_by,
    case when {{ is_break('state') }} and is_explained then 'explained' else state end as state,
    is_open,
    case when is_open then item_date end as opened_date,
    case when is_open then age_days end as age_days,
    case when is_open then {{ age_bucket('age_days') }} end as age_bucket,
    case when is_explained then category end as explanation_category,
    case when is_explained then explained_counterpart_id end as explanation_counterpart_id,
    case when is_explained then reason end as explanation_reason,
    case when is_explained then entered_by end as explained_by,
    case when is_explained then explained_at end as explained_at,
    as_of_date
from stated
