{# What flags an order for fraud: thresholds are the variable `fraud` of dbt_project.yml, told in docs/fraud.md. #}

{# One threshold. #}
{% macro fraud_limit(name) -%}
    {{ return(var('fraud')[name]) }}
{%- endmacro %}

{# The version of the rules: another whenever a threshold is. #}
{% macro fraud_rule_version() -%}
    {{ return(local_md5(tojson(var('fraud'), sort_keys=true))[:12]) }}
{%- endmacro %}

{# The version as a number, by which a build knows whether all orders are to be judged anew. #}
{% macro fraud_rules_number() -%}
    {{ return(fraud_rule_version() | int(base=16)) }}
{%- endmacro %}

{# A limit by the KOL's tier; one without a tier is taken for micro. #}
{% macro fraud_tier_limit(name, tier) -%}
case {{ tier }}
        {%- for known, limit in fraud_limit(name).items() %} when '{{ known }}' then {{ limit }}{% endfor %} else {{ fraud_limit(name)['micro'] }} end
{%- endmacro %}

{# True for a host that publishes coupons, or is part of one that does. #}
{% macro is_coupon_site(host) -%}
({% for site in fraud_limit('coupon_sites') %}{{ host }} = '{{ site }}' or {{ host }} like '%.{{ site }}'{{ ' or ' if not loop.last }}{% endfor %})
{%- endmacro %}

{# The host of an address in lower case, without www.; NULL where there is none. #}
{% macro host_of(address) -%}
nullif(regexp_replace(split_part(split_part(split_part(split_part(lower({{ address }}), '://', 2), '/', 1), '?', 1), ':', 1), '^www[.]', ''), '')
{%- endmacro %}

{# The hash by which a phone is known, whatever its prefix: SHA-256 of its last nine digits; NULL where it has fewer. #}
{% macro phone_hash(phone) -%}
case when length({{ digits_of(phone) }}) >= 9 then {{ sha256_hex('right(' ~ digits_of(phone) ~ ', 9)') }} end
{%- endmacro %}

{# Post-hook: these rules have been applied to every order. #}
{% macro note_fraud_rules() -%}
    {%- if is_building() -%}
    insert into ops.watermarks (model, upstream, position)
        values ('{{ this.name }}', 'fraud_rules', {{ fraud_rules_number() }})
        on conflict (model, upstream) do update set position = excluded.position
    {%- endif -%}
{%- endmacro %}

{# What a burst is of: `names` of an alias as a list of columns, and as the condition that two aliases have them equal. #}
{% macro columns_of(alias, names) -%}
{%- for name in names %}{{ alias }}.{{ name }}{{ ', ' if not loop.last }}{% endfor -%}
{%- endmacro %}
{% macro same_columns(one, other, names) -%}
{%- for name in names %}{{ one }}.{{ name }} = {{ other }}.{{ name }}{{ ' and ' if not loop.last }}{% endfor -%}
{%- endmacro %}
