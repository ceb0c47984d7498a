{{ config(materialized='view') }}
-- One row per tenant, KOL and currency: what the KOL has earned, lost again, been paid and owes. Amounts of one currency and tenant
-- add up over KOLs.
with lines as (

    select * from {{ ref('ledger_lines') }}

),

kols as (

    select * from {{ ref('dim_kol') }}

),

balances as (

    select
        tenant_id,
        kol_id,
        currency,
        sum(case when account = 'commission_expense' and event_type = 'completion' then amount else 0 end) as earned_amount,
        sum(case when account = 'commission_expense' and event_type is distinct from 'completion' then -amount else 0 end) as reversed_amount,
        sum(case when account = 'penalty_income' then -amount else 0 end) as penalty_amount,
        sum(case when account = 'kol_held' then -amount else 0 end) as held_amount,
        sum(case when account = 'kol_payable' then -amount else 0 end) as payable_amount,
        sum(case when account = 'kol_receivable' then amount else 0 end) as receivable_amount,
        sum(case when account = 'cash' then -amount else 0 end) as paid_amount,
        count(*) as entries,
        max(posting_date) as last_posting_date
    from lines
    group by tenant_id, kol_id, currency

),

final as (

    select
        balances.tenant_id,
        balances.kol_id,
        coalesce(kols.kol_name, balances.kol_id) as kol_name,
        balances.currency,
        cast(balances.earned_amount as numeric(20, 4)) as earned_amount,
        cast(balances.reversed_amount as numeric(20, 4)) as reversed_amount,
        cast(balances.penalty_amount as numeric(20, 4)) as penalty_amount,
        cast(balances.held_amount as numeric(20, 4)) as held_amount,
        cast(balances.payable_amount as numeric(20, 4)) as payable_amount,
        cast(balances.receivable_amount as numeric(20, 4)) as receivable_amount,
        cast(balances.paid_amount as numeric(20, 4)) as paid_amount,
        balances.entries,
        balances.last_posting_date
    from balances
    left join kols on balances.tenant_id = kols.tenant_id and balances.kol_id = kols.kol_id

)

select * from final
