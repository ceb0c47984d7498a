{# Time and text where Postgres and Snowflake differ. #}

{% macro local_timestamp(instant, zone) -%}{{ return(adapter.dispatch('local_timestamp')(instant, zone)) }}{%- endmacro %}
{% macro default__local_timestamp(instant, zone) -%}(({{ instant }}) at time zone {{ zone }}){%- endmacro %}
{% macro snowflake__local_timestamp(instant, zone) -%}convert_timezone({{ zone }}, {{ instant }})::timestamp_ntz{%- endmacro %}

{# The tenant's day of an instant. #}
{% macro local_date(instant, zone) -%}cast({{ local_timestamp(instant, zone) }} as date){%- endmacro %}

{# The UTC instant at which a local day begins. #}
{% macro day_start(day, zone) -%}{{ return(adapter.dispatch('day_start')(day, zone)) }}{%- endmacro %}
{% macro default__day_start(day, zone) -%}(cast({{ day }} as timestamp) at time zone {{ zone }}){%- endmacro %}
{% macro snowflake__day_start(day, zone) -%}convert_timezone({{ zone }}, 'UTC', cast({{ day }} as timestamp_ntz)){%- endmacro %}

{#
    The UTC instant at which the local hour of an instant began: what the local clock shows past the hour is taken off the
    instant, so zones of half hours and hours that a clock change repeats come out right.
#}
{% macro hour_start(instant, zone) -%}{{ return(adapter.dispatch('hour_start')(instant, zone)) }}{%- endmacro %}
{% macro default__hour_start(instant, zone) -%}
({{ instant }} - ({{ local_timestamp(instant, zone) }} - date_trunc('hour', {{ local_timestamp(instant, zone) }})))
{%- endmacro %}
{% macro snowflake__hour_start(instant, zone) -%}
dateadd('nanosecond', -datediff('nanosecond', date_trunc('hour', {{ local_timestamp(instant, zone) }}), {{ local_timestamp(instant, zone) }}), {{ instant }})
{%- endmacro %}

{% macro plus_hours(instant, hours) -%}{{ return(adapter.dispatch('plus_hours')(instant, hours)) }}{%- endmacro %}
{% macro default__plus_hours(instant, hours) -%}({{ instant }} + ({{ hours }}) * interval '1 hour'){%- endmacro %}
{% macro snowflake__plus_hours(instant, hours) -%}dateadd('hour', {{ hours }}, {{ instant }}){%- endmacro %}

{% macro matches(text, pattern) -%}{{ return(adapter.dispatch('matches')(text, pattern)) }}{%- endmacro %}
{% macro default__matches(text, pattern) -%}({{ text }} ~* '{{ pattern }}'){%- endmacro %}
{% macro snowflake__matches(text, pattern) -%}(regexp_instr({{ text }}, '{{ pattern }}', 1, 1, 0, 'i') > 0){%- endmacro %}

{# A relation of one column: each day from first to last. #}
{% macro day_series(first, last) -%}{{ return(adapter.dispatch('day_series')(first, last)) }}{%- endmacro %}
{% macro default__day_series(first, last) -%}
(select cast(day as date) from generate_series(timestamp '{{ first }}', timestamp '{{ last }}', interval '1 day') as series (day))
{%- endmacro %}
{% macro snowflake__day_series(first, last) -%}
(
    select dateadd('day', row_number() over (order by seq4()) - 1, '{{ first }}'::date)
    from table(generator(rowcount => 18263))
)
{%- endmacro %}

{# A positive amount rounded down to a number of decimals that stands in a column. #}
{% macro round_down(amount, decimals) -%}trunc({{ amount }}, {{ decimals }}){%- endmacro %}

{#
    Join of few rows to a view, row by row and by its index, where a plan by estimates would loop over all of it: Postgres
    knows nothing of what a view over a union holds. The limit, which is none, keeps it from joining the two in another way. A
    build that takes much joins as it joins everything, by hashing. `by` maps the view's columns to expressions over the few rows;
    `kind` is inner or left.
#}
{% macro look_up(relation, alias, by, kind='inner') -%}
    {{ return(adapter.dispatch('look_up')(relation, alias, by, kind)) }}
{%- endmacro %}

{% macro default__look_up(relation, alias, by, kind='inner') -%}
    {{ kind }} join {{ relation }} as {{ alias }}
        on {% for column, value in by.items() %}{{ alias }}.{{ column }} = {{ value }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endmacro %}

{% macro postgres__look_up(relation, alias, by, kind='inner') -%}
    {%- if is_building() and takes_much() -%}
    {{ default__look_up(relation, alias, by, kind) }}
    {%- else -%}
    {{ kind }} join lateral (
        select * from {{ relation }} as looked_up
        where {% for column, value in by.items() %}looked_up.{{ column }} = {{ value }}{{ ' and ' if not loop.last }}{% endfor %}
        limit all
    ) as {{ alias }} on true
    {%- endif -%}
{%- endmacro %}
