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
    {%- set value = run_query('select cast(min(' ~ expression ~ ') as text) from ' ~ relation).columns[0].values()[0] -%}
    {{ return("'" ~ (value or 'infinity') ~ "'") }}
{%- endmacro %}

{#
    A condition that `column` lies in one of the spans (started_at, ended_at) that the query `spans` selects, as literals,
    spans that touch made one. More than 24 spans are taken as one from the first to the last; none at all is false.
#}
{% macro within_spans(column, spans) -%}
    {%- if not is_building() -%}{{ return('true') }}{%- endif -%}
    {%- set merged -%}
        with spans as ({{ spans }}),
        starts as (
            select
                started_at,
                ended_at,
                case
                    when started_at <= max(ended_at) over (
                        order by started_at, ended_at rows between unbounded preceding and 1 preceding
                    ) then 0
                    else 1
                end as is_start
            from spans
        ),
        islands as (
            select started_at, ended_at, sum(is_start) over (order by started_at, ended_at) as island
            from starts
        )
        select min(started_at) as started_at, max(ended_at) as ended_at
        from islands
        group by island
        order by 1
    {%- endset -%}
    {%- set spans = [] -%}
    {%- for row in run_query(merged).rows -%}{%- do spans.append((row[0], row[1])) -%}{%- endfor -%}
    {%- if not spans -%}{{ return('false') }}{%- endif -%}
    {%- if spans | length > 24 -%}{%- set spans = [(spans[0][0], spans[-1][1])] -%}{%- endif -%}
    {%- set parts = [] -%}
    {%- for started_at, ended_at in spans -%}
        {%- do parts.append('(' ~ column ~ " >= '" ~ started_at ~ "' and " ~ column ~ " < '" ~ ended_at ~ "')") -%}
    {%- endfor -%}
    {{ return('(' ~ parts | join(' or ') ~ ')') }}
{%- endmacro %}

{#
    A relation that is built later in the same run and read here as the last run left it; `ref` would make a circle of it.
#}
{% macro ref_later(model_name) -%}
    {{ return(api.Relation.create(database=target.database, schema='intermediate', identifier=model_name)) }}
{%- endmacro %}

{# The longest time before an order in which a click can matter, of all tenants and KOLs. #}
{% macro longest_window() -%}
    (
        select greatest(
            (select coalesce(max(attribution_window_hours), 0) from {{ ref('int_tenants__settings') }}),
            (select coalesce(max(attribution_window_hours), 0) from {{ ref('stg_kols') }})
        )
    ) * interval '1 hour'
{%- endmacro %}

{# The spans of time in which a click can matter to the orders to judge: from their day back by the longest window. #}
{% macro evidence_spans(orders) -%}
    {%- set sql -%}
        select distinct
            date_trunc('day', orders.ordered_at) - {{ longest_window() }} as started_at,
            date_trunc('day', orders.ordered_at) + interval '1 day' as ended_at
        from {{ orders }} as orders
    {%- endset -%}
    {{ return(sql) }}
{%- endmacro %}

{# True for a tenant-day of int_days__touched on which clicks may have moved, or what tells whose they are. #}
{% macro moves_clicks(touched) -%}
{{ touched }}.cause in ('clicks', 'tokens', 'settings', 'held')
{%- endmacro %}

{# The spans of time of the tenant-days on which clicks moved. #}
{% macro touched_day_spans(touched) -%}
    {%- set sql -%}
        select
            {{ day_start('touched.touched_date', 'tenants.time_zone') }} as started_at,
            {{ day_start('touched.touched_date + 1', 'tenants.time_zone') }} as ended_at
        from {{ touched }} as touched
        inner join {{ ref('int_tenants__settings') }} as tenants on touched.tenant_id = tenants.tenant_id
        where {{ moves_clicks('touched') }}
    {%- endset -%}
    {{ return(sql) }}
{%- endmacro %}

{# True when none of `models` has ever been built, or all are made anew: they take everything, and nothing is touched. #}
{% macro nobody_has_read(models) -%}
    {%- if not is_building() -%}{{ return(false) }}{%- endif -%}
    {%- set readers = [] -%}
    {%- for model in models if watermark('builds', [model]) > 0 -%}{%- do readers.append(model) -%}{%- endfor -%}
    {{ return(not readers) }}
{%- endmacro %}

{#
    True when one of `models` is built for the first time or made anew: then its inputs hold everything, and what the others
    read too much changes nothing in them.
#}
{% macro takes_everything(models) -%}
    {%- if not is_building() -%}{{ return(false) }}{%- endif -%}
    {{ return(flags.FULL_REFRESH or watermark('builds', models) == 0) }}
{%- endmacro %}
