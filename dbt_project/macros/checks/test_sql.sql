{#
    dbt's own frame of a data test, run with hash joins while much is unproven: the views that it looks through have no
    statistics, so Postgres would expect few rows and loop over all of them. Otherwise it looks at what is new, by index.
#}
{% macro postgres__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    {%- if is_much_new_since(proven_build()) -%}{{ prefer_hashing() }};{%- endif %}
    {{ default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) }}
{%- endmacro %}
