{#
    dbt's own frame of a data test, run with hash joins while no build is proven: then a test looks at everything, through views
    of whose size Postgres knows nothing, and would loop over them. Later it looks at what is new, by index.
#}
{% macro postgres__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    {%- if proven_build() == 0 -%}{{ prefer_hash_joins() }};{%- endif %}
    {{ default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) }}
{%- endmacro %}
