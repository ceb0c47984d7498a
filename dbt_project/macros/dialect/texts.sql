{# Hashes, addresses and lists of texts where Postgres and Snowflake differ. #}

{# SHA-256 of a text as 64 hex digits. #}
{% macro sha256_hex(text) -%}{{ return(adapter.dispatch('sha256_hex')(text)) }}{%- endmacro %}
{% macro default__sha256_hex(text) -%}encode(sha256(convert_to({{ text }}, 'UTF8')), 'hex'){%- endmacro %}
{% macro snowflake__sha256_hex(text) -%}sha2({{ text }}, 256){%- endmacro %}

{# The hash that an address carries as its parameter em, in lower case; NULL where it carries none. #}
{% macro hash_in_address(address) -%}{{ return(adapter.dispatch('hash_in_address')(address)) }}{%- endmacro %}
{% macro default__hash_in_address(address) -%}
case when {{ address }} like '%em=%' then lower(substring({{ address }} from '[?&]em=([0-9a-fA-F]{64})(?:[&#]|$)')) end
{%- endmacro %}
{% macro snowflake__hash_in_address(address) -%}
lower(regexp_substr({{ address }}, '[?&]em=([0-9a-fA-F]{64})([&#]|$)', 1, 1, 'e', 1))
{%- endmacro %}

{# The distinct values of a column in one text, in their order. #}
{% macro text_list(column) -%}{{ return(adapter.dispatch('text_list')(column)) }}{%- endmacro %}
{% macro default__text_list(column) -%}string_agg(distinct {{ column }}, ', ' order by {{ column }}){%- endmacro %}
{% macro snowflake__text_list(column) -%}listagg(distinct {{ column }}, ', ') within group (order by {{ column }}){%- endmacro %}

{# A whole number of 64 bits that tells one text from another. #}
{% macro hash_of(text) -%}{{ return(adapter.dispatch('hash_of')(text)) }}{%- endmacro %}
{% macro default__hash_of(text) -%}hashtextextended({{ text }}, 0){%- endmacro %}
{% macro snowflake__hash_of(text) -%}hash({{ text }}){%- endmacro %}

{# A whole number that stands under a name in a JSON object; 0 when it is not there. #}
{% macro number_in(object, name) -%}{{ return(adapter.dispatch('number_in')(object, name)) }}{%- endmacro %}
{% macro default__number_in(object, name) -%}coalesce(cast({{ object }} ->> '{{ name }}' as bigint), 0){%- endmacro %}
{% macro snowflake__number_in(object, name) -%}coalesce(cast({{ object }}:{{ name }} as bigint), 0){%- endmacro %}

{# The digits of a text, and nothing else of it. #}
{% macro digits_of(text) -%}{{ return(adapter.dispatch('digits_of')(text)) }}{%- endmacro %}
{% macro default__digits_of(text) -%}regexp_replace({{ text }}, '[^0-9]', '', 'g'){%- endmacro %}
{% macro snowflake__digits_of(text) -%}regexp_replace({{ text }}, '[^0-9]', ''){%- endmacro %}

{# A JSON object as text: `pairs` maps its names to expressions. #}
{% macro json_text(pairs) -%}{{ return(adapter.dispatch('json_text')(pairs)) }}{%- endmacro %}
{% macro default__json_text(pairs) -%}
cast(jsonb_build_object({% for name, value in pairs.items() %}'{{ name }}', {{ value }}{{ ', ' if not loop.last }}{% endfor %}) as text)
{%- endmacro %}
{% macro snowflake__json_text(pairs) -%}
to_json(object_construct_keep_null({% for name, value in pairs.items() %}'{{ name }}', ({{ value }}){{ ', ' if not loop.last }}{% endfor %}))
{%- endmacro %}

{# An instant as text: 2026-03-31T23:59:59Z. #}
{% macro utc_text(instant) -%}{{ return(adapter.dispatch('utc_text')(instant)) }}{%- endmacro %}
{% macro default__utc_text(instant) -%}
to_char({{ instant }} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
{%- endmacro %}
{% macro snowflake__utc_text(instant) -%}
to_char(convert_timezone('UTC', {{ instant }}), 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
{%- endmacro %}
