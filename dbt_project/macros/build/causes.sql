{#
    Why a row was written, or a figure may have moved: the input that changed. A row that several inputs concern says all of them,
    sorted and joined by ', '. Rules name one cause each; what stands between passes on what its rows say.
#}

{# Every cause there is, sorted; none is part of another's name. #}
{% macro causes() -%}
    {{ return([
        'clicks', 'contracts', 'held', 'identity', 'kols', 'orders', 'rates', 'rebuild', 'refunds', 'remittances', 'sales',
        'settings', 'time', 'tokens',
    ]) }}
{%- endmacro %}

{# Over the rows of a group: the causes that any of their lists names, but for `except`, as one list; NULL when there is none. #}
{% macro all_causes(list, except='') -%}
    nullif(
        substr(
            {%- for cause in causes() if cause != except %}
            max(case when {{ list }} like '%{{ cause }}%' then ', {{ cause }}' else '' end){{ ' ||' if not loop.last else ',' }}
            {%- endfor %}
            3
        ),
        ''
    )
{%- endmacro %}
