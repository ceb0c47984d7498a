{# Reading only what changed: small questions that a model asks while it is compiled, so that its plan has literals. #}

{# True when a feed has anything new for `models`; false without asking when nothing is being built. #}
{% macro has_changes(feed, models) -%}
    {%- if not is_building() -%}{{ return(true) }}{%- endif -%}
    {%- set from_position = watermark(feed, models) -%}
    {%- set newest = run_query('select coalesce(max(load_id), 0) from ops.pins where feed = \'' ~ feed ~ '\'').columns[0].values()[0] -%}
    {{ return(newest | int > from_position) }}
{%- endmacro %}

{# The smallest value of `expression` over `relation`, as a quoted literal; 'infinity' when there is none. #}
{% macro smallest(expression, relation) -%}
    {%- if not is_building() -%}{{ return("'infinity'") }}{%- endif -%}
    {%- set value = run_query('select min(' ~ expression ~ ')::text from ' ~ relation).columns[0].values()[0] -%}
    {{ return("'" ~ (value or 'infinity') ~ "'") }}
{%- endmacro %}

{#
    A condition that `column` lies in one of the spans (started_at, ended_at) that `spans` selects, as literals, with spans
    that touch made one. More than 24 spans are taken as one from the first to the last; none at all is false.
#}
{% macro within_spans(column, spans) -%}
    {%- if not is_building() -%}{{ return('true') }}{%- endif -%}
    {%- set rows = run_query('select distinct started_at::text, ended_at::text from (' ~ spans ~ ') as spans order by 1, 2').rows -%}
    {%- set merged = [] -%}
    {%- for row in rows -%}
        {%- if merged and row[0] <= merged[-1][1] -%}
            {%- if row[1] > merged[-1][1] -%}{%- do merged[-1].__setitem__(1, row[1]) -%}{%- endif -%}
        {%- else -%}
            {%- do merged.append([row[0], row[1]]) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if not merged -%}{{ return('false') }}{%- endif -%}
    {%- if merged | length > 24 -%}{%- set merged = [[merged[0][0], merged[-1][1]]] -%}{%- endif -%}
    {%- set parts = [] -%}
    {%- for span in merged -%}
        {%- do parts.append('(' ~ column ~ " >= '" ~ span[0] ~ "' and " ~ column ~ " < '" ~ span[1] ~ "')") -%}
    {%- endfor -%}
    {{ return('(' ~ parts | join(' or ') ~ ')') }}
{%- endmacro %}

{#
    A relation that is built later in the same run and read here as the last run left it; `ref` would make a circle of it.
#}
{% macro ref_later(model_name) -%}
    {{ return(api.Relation.create(database=target.database, schema='intermediate', identifier=model_name)) }}
{%- endmacro %}

{# The spans of time in which a click can matter to the orders in `touched`: from their day back by the longest window. #}
{% macro evidence_spans(touched) -%}
    {%- if not is_building() -%}{{ return('') }}{%- endif -%}
    {%- set sql -%}
        select
            date_trunc('day', orders.ordered_at) - (
                select max(greatest(
                    tenants.attribution_window_hours,
                    coalesce((select max(kols.attribution_window_hours) from {{ ref('stg_kols') }} as kols), 0)
                )) from {{ ref('int_tenants__settings') }} as tenants
            ) * interval '1 hour' as started_at,
            date_trunc('day', orders.ordered_at) + interval '25 hours' as ended_at
        from {{ ref('stg_orders') }} as orders
        inner join {{ touched }} as touched
            on orders.tenant_id = touched.tenant_id and orders.source = touched.source and orders.order_id = touched.order_id
    {%- endset -%}
    {{ return(sql) }}
{%- endmacro %}

{# The spans of time of the tenant-days on which clicks moved. #}
{% macro touched_day_spans(touched) -%}
    {%- set sql -%}
        select
            {{ day_start('touched.touched_date', 'tenants.time_zone') }} as started_at,
            {{ day_start('touched.touched_date + 1', 'tenants.time_zone') }} as ended_at
        from {{ touched }} as touched
        inner join {{ ref('int_tenants__settings') }} as tenants on touched.tenant_id = tenants.tenant_id
        where touched.cause = 'clicks'
    {%- endset -%}
    {{ return(sql) }}
{%- endmacro %}
