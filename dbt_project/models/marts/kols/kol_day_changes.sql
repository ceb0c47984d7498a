{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        full_refresh=false,
        pre_hook="{{ create_logged() }}",
        post_hook=[
            "{{ note_logged() }}",
            "{{ advance(['clicks', 'tracking_tokens', 'ad_spend', 'kol_contracts', 'fx_rates', 'tenants']) }}",
        ],
    )
}}
-- One row per build, tenant, KOL and day whose published row of kol_roi_daily the build has added, changed or removed, and why. A
-- log: rows stay as they were written, also when everything else is made anew. What a tenant first shows is not logged.
{%- set figures = {
    'orders': ['orders', 'gross', 'refunds', 'net_revenue', 'commission', 'source_orders', 'source_revenue'],
    'clicks': ['clicks', 'bot_clicks', 'refused_clicks'],
    'costs': ['fixed_fees', 'platform_fees', 'goods'],
    'customers': ['new_customers'],
} %}
with came as (

    select * from {{ ref('kol_roi_daily') }}
    except
    select * from {{ logged('kol_days') }}

),

went as (

    select * from {{ logged('kol_days') }}
    except
    select * from {{ ref('kol_roi_daily') }}

),

touched as (

    select * from {{ ref('int_kols__touched') }}

),

tenants as (

    select
        tenants.tenant_id,
        tenants.churn_window_days,
        tenants.as_of_date,
        seen.as_of_date as seen_as_of_date
    from {{ ref('int_tenants__published') }} as tenants
    inner join {{ logged('tenants') }} as seen on tenants.tenant_id = seen.tenant_id

),

changes as (

    select
        tenants.*,
        coalesce(came.kol_id, went.kol_id) as kol_id,
        coalesce(came.activity_date, went.activity_date) as activity_date,
        coalesce(came.reporting_currency, went.reporting_currency) as reporting_currency,
        case when went.tenant_id is null then 'added' when came.tenant_id is null then 'removed' else 'changed' end as change_type,
        {% for part, measures in figures.items() -%}
        (
            {% for measure in measures -%}
            coalesce(came.{{ measure }}, 0) <> coalesce(went.{{ measure }}, 0){{ ' or' if not loop.last }}
            {% endfor -%}
            {% if part == 'customers' -%}
            or came.ltv is distinct from went.ltv
            or came.retention_30d_pct is distinct from went.retention_30d_pct
            {% endif -%}
        ) as has_other_{{ part }},
        {% endfor -%}
        {% for measure in ['orders', 'refunds', 'revenue', 'net_revenue', 'investment', 'clicks', 'new_customers', 'ltv', 'retention_30d_pct'] -%}
        went.{{ measure }} as {{ measure }}_before,
        came.{{ measure }} as {{ measure }}_after{{ ',' if not loop.last }}
        {% endfor %}
    from came
    full outer join went
        on came.tenant_id = went.tenant_id and came.kol_id = went.kol_id and came.activity_date = went.activity_date
    inner join tenants on tenants.tenant_id = coalesce(came.tenant_id, went.tenant_id)

),

parts as (

    {% for part in figures -%}
    select tenant_id, kol_id, activity_date, '{{ part }}' as part
    from changes
    where has_other_{{ part }}
    union all
    {% endfor -%}
    -- a row of nothing but zeros came or went: whatever concerns the KOL's day
    select tenant_id, kol_id, activity_date, 'any' as part
    from changes
    where change_type <> 'changed' and not (has_other_{{ figures | join(' or has_other_') }})
    union all
    select tenant_id, kol_id, activity_date, 'all' as part
    from changes

),

known as (

    select parts.*, touched.cause
    from parts
    inner join touched
        on parts.tenant_id = touched.tenant_id
        and parts.kol_id = touched.kol_id
        and parts.activity_date = touched.touched_date
        and (parts.part = touched.part or parts.part = 'any')
    union all
    select parts.*, touched.cause
    from parts
    inner join touched
        on parts.tenant_id = touched.tenant_id
        and parts.activity_date = touched.touched_date
        and parts.part = touched.part
        and touched.kol_id is null
    union all
    -- windows, or the 30 days, of the customers brought on the day have passed since
    select tenant_id, kol_id, activity_date, 'customers' as part, 'time' as cause
    from changes
    where
        has_other_customers
        and (
            floor((as_of_date - activity_date + 1) / cast(churn_window_days as numeric))
            <> floor((seen_as_of_date - activity_date + 1) / cast(churn_window_days as numeric))
            or (activity_date + 30 <= as_of_date) <> (activity_date + 30 <= seen_as_of_date)
        )

),

causes as (

    select
        parts.tenant_id,
        parts.kol_id,
        parts.activity_date,
        parts.part,
        -- who a customer is moves no money
        case when parts.part = 'orders' then {{ all_causes('known.cause', except='identity') }} else {{ all_causes('known.cause') }} end as cause
    from parts
    left join known
        on parts.tenant_id = known.tenant_id
        and parts.kol_id = known.kol_id
        and parts.activity_date = known.activity_date
        and parts.part = known.part
    group by parts.tenant_id, parts.kol_id, parts.activity_date, parts.part

),

told as (

    select
        changes.tenant_id,
        changes.kol_id,
        changes.activity_date,
        {{ all_causes("coalesce(
                    causes.cause,
                    case
                        when causes.part = 'all' then null
                        -- what nothing else explains came with the day itself
                        when changes.activity_date > least(changes.as_of_date, changes.seen_as_of_date) then 'time'
                        else 'rebuild'
                    end
                )") }} as cause
    from changes
    inner join causes
        on changes.tenant_id = causes.tenant_id
        and changes.kol_id = causes.kol_id
        and changes.activity_date = causes.activity_date
    group by changes.tenant_id, changes.kol_id, changes.activity_date

),

final as (

    select
        changes.tenant_id,
        changes.kol_id,
        changes.activity_date,
        cast({{ build_id() }} as bigint) as build_id,
        {{ build_started_at() }} as built_at,
        changes.change_type,
        coalesce(told.cause, 'rebuild') as cause,
        changes.reporting_currency,
        {% for measure in ['orders', 'refunds', 'revenue', 'net_revenue', 'investment', 'clicks', 'new_customers', 'ltv', 'retention_30d_pct'] -%}
        changes.{{ measure }}_before,
        changes.{{ measure }}_after{{ ',' if not loop.last }}
        {% endfor %}
    from changes
    inner join told
        on changes.tenant_id = told.tenant_id
        and changes.kol_id = told.kol_id
        and changes.activity_date = told.activity_date

)

select * from final
