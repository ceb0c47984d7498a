{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[{'columns': ['tenant_id', 'side', 'item_id', 'item_source'], 'unique': true}],
        pre_hook="{% if is_incremental() %}delete from {{ this }}{% endif %}",
        post_hook="{{ secure_mart() }}",
    )
}}
-- One row per tenant, side, id and source of a record that was explained by hand: what was said of it last, that it was taken back
-- too. A row without source holds for every record of its id that has no row of its own. Written whole each time, for people write
-- few; a table, for the book itself is nothing that readers may see.
with entries as (

    select
        tenant_id,
        side,
        item_source,
        item_id,
        category,
        counterpart_id,
        is_withdrawn,
        explained_at,
        entered_by,
        reason,
        explanation_id
    from {{ ref('stg_finance_explanations') }}
    where side <> 'sale'
    union all
    -- a sale is no record that is held against the bank; the takings of its store, day and way of payment are
    select
        entries.tenant_id,
        'payout' as side,
        sales.source as item_source,
        sales.store_id || ':' || {{ local_date('sales.sold_at', 'tenants.time_zone') }} || ':' || sales.payment_method as item_id,
        entries.category,
        entries.counterpart_id,
        entries.is_withdrawn,
        entries.explained_at,
        entries.entered_by,
        entries.reason,
        entries.explanation_id
    from {{ ref('stg_finance_explanations') }} as entries
    inner join {{ ref('stg_pos_sales') }} as sales
        on entries.tenant_id = sales.tenant_id
        and entries.item_id = sales.sale_id
        and (entries.item_source is null or entries.item_source = sales.source)
    inner join {{ ref('int_tenants__settings') }} as tenants on entries.tenant_id = tenants.tenant_id
    where entries.side = 'sale'

),

-- what names no source is said of the records of every source that another entry names

records as (

    select distinct
        tenant_id,
        side,
        item_source,
        item_id
    from entries

),

ranked as (

    select
        records.tenant_id,
        records.side,
        records.item_source,
        records.item_id,
        entries.category,
        entries.counterpart_id,
        entries.is_withdrawn,
        entries.explained_at,
        entries.entered_by,
        entries.reason,
        row_number() over (
            partition by records.tenant_id, records.side, records.item_source, records.item_id
            order by entries.explained_at desc, entries.explanation_id desc
        ) as entry_number
    from records
    inner join entries
        on records.tenant_id = entries.tenant_id
        and records.side = entries.side
        and records.item_id = entries.item_id
        and (entries.item_source is null or records.item_source = entries.item_source)

)

select
    tenant_id,
    side,
    item_source,
    item_id,
    category,
    counterpart_id,
    is_withdrawn,
    explained_at,
    entered_by,
    reason
from ranked
where entry_number = 1
