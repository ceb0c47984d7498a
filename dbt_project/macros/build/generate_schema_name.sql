{# A folder's schema is its name as written: the schemas are part of the product, not of a developer's target. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
