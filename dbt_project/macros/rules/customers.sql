{# How an e-mail is written before it is hashed. #}
{% macro normalised_email(email) -%}nullif(lower(trim({{ email }})), ''){%- endmacro %}

{# A contact as a source gives it; NULL where it is empty or the source has masked it, as marketplaces do. #}
{% macro readable(text) -%}
case when {{ text }} not like '%*%' then nullif(trim({{ text }}), '') end
{%- endmacro %}

{#
    The value of `column` in the newest record that has one. `record_rank` numbers a customer's records, the newest first; it is
    written before the value, so that the smallest text is the one asked for.
#}
{% macro newest(column) -%}
substr(min(lpad(cast(record_rank as text), 9, '0') || {{ column }}), 10)
{%- endmacro %}

{#
    Whether the newest statement about a consent says yes; of statements of one instant a no wins. NULL where nobody said.
#}
{% macro newest_consent(column, said_at, newest_at) -%}
min(case when {{ said_at }} = {{ newest_at }} then cast({{ column }} as integer) end) = 1
{%- endmacro %}

{# What a reader sees of personal data without being allowed to: a beginning or an end, never the length. #}
{% macro masked_name(name) -%}left({{ name }}, 1) || '***'{%- endmacro %}
{% macro masked_email(email) -%}
case when {{ email }} like '_%@%' then left({{ email }}, 1) || '***@' || split_part({{ email }}, '@', -1) when {{ email }} is not null then '***' end
{%- endmacro %}
{% macro masked_phone(phone) -%}
case when length({{ phone }}) >= 7 then '***' || right({{ phone }}, 3) when {{ phone }} is not null then '***' end
{%- endmacro %}

{# The score 1 to 5 of a value: one more than the number of quintile borders below it, so equal values have equal scores. #}
{% macro quintile_score(value, borders) -%}
1
        {%- for border in ['20', '40', '60', '80'] %}
        + case when {{ value }} > {{ borders }}_{{ border }}_pct then 1 else 0 end
        {%- endfor %}
{%- endmacro %}

{# The loyalty tier that a year's spend earns in a currency; NULL where the currency has no thresholds. #}
{% macro loyalty_tier(spend, currency) -%}
{%- set tiers = var('loyalty_tiers') -%}
case {{ currency }}
        {%- for code, thresholds in var('loyalty_thresholds').items() %}
        when '{{ code }}' then case
            {%- for tier in tiers | reverse %}{% set threshold = thresholds[tiers | length - loop.index] %} when {{ spend }} >= {{ threshold }} then '{{ tier }}'{% endfor %} else '{{ var("loyalty_no_tier") }}' end
        {%- endfor %}
    end
{%- endmacro %}

{# The name of a record of the customer map, under which it is a customer by itself. #}
{% macro record_name(record) -%}
{{ record }}.record_source || ':' || case when {{ record }}.record_type = 'customer' then '' else {{ record }}.record_type || ':' end || {{ record }}.record_id
{%- endmacro %}
