-- What a KOL's day shows is the sum of its entries, and what a month shows the sum of its days; of kol_roi another test says so.
-- Looked at are the days whose entries this build wrote and those whose figures it moved.
{%- set measures = [
    'orders', 'gross', 'refunds', 'net_revenue', 'fixed_fees', 'platform_fees', 'commission', 'goods', 'clicks', 'bot_clicks',
    'refused_clicks', 'new_customers', 'source_orders', 'source_revenue',
] %}
with moved as (

    select tenant_id, touched_date from {{ ref('int_kols__days_touched') }}
    union
    select tenant_id, activity_date as touched_date from {{ ref('kol_day_changes') }}
    where build_id > {{ proven_build() }}

),

{% for side, relation in {'days': 'kol_roi_daily', 'entries': 'kol_roi_entries'}.items() -%}
{{ side }} as (

    select
        standing.tenant_id,
        standing.kol_id,
        standing.activity_date,
        {% for measure in measures -%}
        sum(standing.{{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref(relation) }} as standing
    {% if is_day_by_day() -%}
    inner join moved on standing.tenant_id = moved.tenant_id and standing.activity_date = moved.touched_date
    {%- endif %}
    group by standing.tenant_id, standing.kol_id, standing.activity_date

),

{% endfor -%}
months as (

    select * from {{ ref('kol_roi_monthly') }}

),

days_of_months as (

    select
        tenant_id,
        kol_id,
        cast(date_trunc('month', activity_date) as date) as activity_month,
        {% for measure in measures -%}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('kol_roi_daily') }}
    group by tenant_id, kol_id, cast(date_trunc('month', activity_date) as date)

)

{% for figures, parts, day in [('days', 'entries', 'activity_date'), ('months', 'days_of_months', 'activity_month')] -%}
select
    coalesce({{ figures }}.tenant_id, {{ parts }}.tenant_id) as tenant_id,
    coalesce({{ figures }}.kol_id, {{ parts }}.kol_id) as kol_id,
    coalesce({{ figures }}.{{ day }}, {{ parts }}.{{ day }}) as first_day,
    '{{ figures }}' as figures
from {{ figures }}
full outer join {{ parts }}
    on {{ figures }}.tenant_id = {{ parts }}.tenant_id
    and {{ figures }}.kol_id = {{ parts }}.kol_id
    and {{ figures }}.{{ day }} = {{ parts }}.{{ day }}
where
    {% for measure in measures -%}
    coalesce({{ figures }}.{{ measure }}, 0) <> coalesce({{ parts }}.{{ measure }}, 0){{ ' or' if not loop.last }}
    {% endfor %}
{{ 'union all' if not loop.last }}
{% endfor %}
