{# The name of a record of the customer map, under which it is a customer by itself. #}
{% macro record_name(record) -%}
{{ record }}.record_source || ':' || case when {{ record }}.record_type = 'customer' then '' else {{ record }}.record_type || ':' end || {{ record }}.record_id
{%- endmacro %}
