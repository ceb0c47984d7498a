{#
    How a staging model sees a feed: the rows as of this build's pin. A row that a later load has replaced meanwhile is
    shown by the image that the load put aside, so loads go on during a build and change nothing in it. The pin's condition
    is written so that Postgres expects most rows to pass it.
#}
{% macro feed_as_of_pin(feed) -%}
    {{ return(adapter.dispatch('feed_as_of_pin')(feed)) }}
{%- endmacro %}

{% macro default__feed_as_of_pin(feed) -%}
    (
        select standing.*
        from {{ source('raw', feed) }} as standing
        where (standing._load_id > {{ pin(feed) }}) is not true
        union all
        select image.*
        from ops.restatements as restated
        cross join lateral jsonb_populate_record(null::{{ source('raw', feed).include(database=false) }}, restated.old_row) as image
        where restated.feed = '{{ feed }}'
            and restated.load_id > {{ pin(feed) }}
            and restated.old_load_id <= {{ pin(feed) }}
    )
{%- endmacro %}

{# The column list comes from the contract: there is no populate-record in Snowflake. #}
{% macro snowflake__feed_as_of_pin(feed) -%}
    {%- set columns = [] -%}
    {%- if execute -%}
        {%- for node in graph.sources.values() if node.name == feed -%}
            {%- for column in node.columns.values() -%}{%- do columns.append(column) -%}{%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    (
        select {% for column in columns %}standing.{{ column.name }}, {% endfor %}standing._load_id, standing._deleted
        from {{ source('raw', feed) }} as standing
        where standing._load_id <= {{ pin(feed) }}
        union all
        select
            {% for column in columns -%}
            restated.old_row:{{ column.name }}::{{ 'variant' if column.data_type == 'jsonb' else column.data_type }},
            {% endfor -%}
            restated.old_load_id, coalesce(restated.old_row:_deleted::boolean, false)
        from ops.restatements as restated
        where restated.feed = '{{ feed }}'
            and restated.load_id > {{ pin(feed) }}
            and restated.old_load_id <= {{ pin(feed) }}
    )
{%- endmacro %}

{# Every row that a feed ever had, once: as it stands now, loaded since the pin or left. Its keys tell what to look at. #}
{% macro feed_ever(feed) -%}
    {{ source('raw', feed) }}
{%- endmacro %}

{#
    Every image of a feed's rows that came or left since `position`: the new rows up to the pin, and what they replaced.
    Incremental models read it to learn which keys, days and tenants have moved.
#}
{% macro feed_changes(feed, position) -%}
    {{ return(adapter.dispatch('feed_changes')(feed, position)) }}
{%- endmacro %}

{% macro default__feed_changes(feed, position) -%}
    (
        select standing.*
        from {{ source('raw', feed) }} as standing
        where standing._load_id > {{ position }} and standing._load_id <= {{ pin(feed) }}
        union all
        select image.*
        from ops.restatements as restated
        cross join lateral jsonb_populate_record(null::{{ source('raw', feed).include(database=false) }}, restated.old_row) as image
        where restated.feed = '{{ feed }}' and restated.load_id > {{ position }}
    )
{%- endmacro %}

{% macro snowflake__feed_changes(feed, position) -%}
    {{ snowflake__feed_as_of_pin(feed) }}
{%- endmacro %}
