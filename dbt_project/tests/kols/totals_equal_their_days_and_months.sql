-- What adds up in kol_roi is the sum of the KOL's days and of the KOL's months.
{%- set measures = [
    'orders', 'gross', 'refunds', 'revenue', 'net_revenue', 'fixed_fees', 'platform_fees', 'commission', 'goods', 'investment',
    'clicks', 'bot_clicks', 'refused_clicks', 'new_customers', 'source_orders', 'source_revenue',
] %}
with totals as (

    select * from {{ ref('kol_roi') }}

),

{% for period in ['daily', 'monthly'] -%}
{{ period }} as (

    select
        tenant_id,
        kol_id,
        {% for measure in measures -%}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('kol_roi_' ~ period) }}
    group by tenant_id, kol_id

){{ ',' if not loop.last }}

{% endfor %}
{% for period in ['daily', 'monthly'] -%}
select
    coalesce(totals.tenant_id, {{ period }}.tenant_id) as tenant_id,
    coalesce(totals.kol_id, {{ period }}.kol_id) as kol_id,
    '{{ period }}' as period
from totals
full outer join {{ period }} on totals.tenant_id = {{ period }}.tenant_id and totals.kol_id = {{ period }}.kol_id
where
    totals.tenant_id is null
    {% for measure in measures -%}
    or totals.{{ measure }} is distinct from coalesce({{ period }}.{{ measure }}, 0)
    {% endfor %}
{{ 'union all' if not loop.last }}
{% endfor %}
