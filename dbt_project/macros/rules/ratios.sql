{# A ratio of KPIs: NULL where the denominator is zero or missing, 4 decimals. #}
{% macro ratio(numerator, denominator, scale=1) -%}
round(cast(({{ numerator }}) * {{ scale }} as numeric(38, 10)) / nullif({{ denominator }}, 0), 4)
{%- endmacro %}

{# Return on an investment in percent. #}
{% macro roi_pct(gain, investment) -%}
{{ ratio('(' ~ gain ~ ') - (' ~ investment ~ ')', investment, 100) }}
{%- endmacro %}
