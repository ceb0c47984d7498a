{#
    Each key stands once. With `unproven: true` only keys of unproven rows are looked at, against all rows.
#}
{% test one_row_per(model, columns, unproven=false) %}
select {{ columns | join(', ') }}, count(*) as rows_found
from {{ model }} as standing
{% if unproven -%}
where exists (
    select 1 from {{ model }} as written
    where
        written._build_id > {{ proven_build() }}
        {% for column in columns %}and written.{{ column }} = standing.{{ column }} {% endfor %}
)
{%- endif %}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
