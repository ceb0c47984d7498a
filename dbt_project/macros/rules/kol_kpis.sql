{#
    The figures of a KOL from the sums of int_kols__facts, for whatever period they were summed over: the one place where the
    KPIs of docs/kpi-definitions.md are computed. `facts` must carry the tenant's gross_margin.
#}
{% macro kol_sums(facts) -%}
    {%- for measure in [
        'orders', 'gross', 'refunds', 'net_revenue', 'fixed_fees', 'platform_fees', 'commission', 'goods', 'clicks', 'bot_clicks',
        'refused_clicks', 'new_customers', 'source_orders', 'source_revenue', 'cohort_orders', 'cohort_net_revenue', 'passed_windows',
        'orders_in_passed_windows', 'followed_windows', 'churned_windows', 'matured_30d_customers', 'retained_30d_customers',
    ] %}
        coalesce(sum({{ facts }}.{{ measure }}), 0) as {{ measure }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{% macro kol_kpis(sums) -%}
{%- set revenue = sums ~ '.gross - ' ~ sums ~ '.refunds' -%}
{%- set investment = sums ~ '.fixed_fees + ' ~ sums ~ '.platform_fees + ' ~ sums ~ '.commission + ' ~ sums ~ '.goods' -%}
        cast({{ sums }}.orders as bigint) as orders,
        cast({{ sums }}.gross as numeric(20, 4)) as gross,
        cast({{ sums }}.refunds as numeric(20, 4)) as refunds,
        cast({{ revenue }} as numeric(20, 4)) as revenue,
        cast({{ sums }}.net_revenue as numeric(20, 4)) as net_revenue,
        cast({{ sums }}.fixed_fees as numeric(20, 4)) as fixed_fees,
        cast({{ sums }}.platform_fees as numeric(20, 4)) as platform_fees,
        cast({{ sums }}.commission as numeric(20, 4)) as commission,
        cast({{ sums }}.goods as numeric(20, 4)) as goods,
        cast({{ investment }} as numeric(20, 4)) as investment,
        cast({{ roi_pct(revenue, investment) }} as numeric(20, 4)) as roi_pct,
        cast({{ roi_pct(sums ~ '.net_revenue', investment) }} as numeric(20, 4)) as roi_net_pct,
        cast({{ roi_pct(sums ~ '.net_revenue * ' ~ sums ~ '.gross_margin', investment) }} as numeric(20, 4)) as roi_contribution_pct,
        cast({{ sums }}.clicks as bigint) as clicks,
        cast({{ sums }}.bot_clicks as bigint) as bot_clicks,
        cast({{ sums }}.refused_clicks as bigint) as refused_clicks,
        cast({{ ratio(sums ~ '.orders', sums ~ '.clicks', 100) }} as numeric(20, 4)) as cr_pct,
        cast({{ sums }}.new_customers as bigint) as new_customers,
        cast({{ ratio(investment, sums ~ '.new_customers') }} as numeric(20, 4)) as cpa,
        cast(
            round(
                cast({{ sums }}.cohort_net_revenue as numeric(38, 10)) / nullif({{ sums }}.cohort_orders, 0)
                * {{ sums }}.orders_in_passed_windows / nullif({{ sums }}.passed_windows, 0)
                * {{ sums }}.gross_margin
                * {{ sums }}.followed_windows / nullif({{ sums }}.churned_windows, 0),
                4
            ) as numeric(20, 4)
        ) as ltv,
        cast({{ ratio(sums ~ '.retained_30d_customers', sums ~ '.matured_30d_customers', 100) }} as numeric(20, 4)) as retention_30d_pct,
        cast({{ sums }}.source_orders as bigint) as source_orders,
        cast({{ sums }}.source_revenue as numeric(20, 4)) as source_revenue
{%- endmacro %}

{# Pre-hook of a mart that is built anew for every tenant that may be published, and left as it was for a held one. #}
{% macro delete_published_tenants() -%}
    {%- set published = ref('int_tenants__published') -%}
    {%- if is_incremental() -%}
    delete from {{ this }} as standing
        where exists (
            select 1 from {{ published }} as tenants where standing.tenant_id = tenants.tenant_id
        )
    {%- endif -%}
{%- endmacro %}
