{# Rules of the reconciliation that several models share. #}

{# True for a state that somebody has to look at. The indexes of what is open in finance say the same words. #}
{% macro is_break(state) -%}
{{ state }} not in ('matched', 'timing', 'void')
{%- endmacro %}

{# The band that an age in days falls into; NULL has none. #}
{% macro age_bucket(days) -%}
case
            when {{ days }} <= 1 then '0-1'
            when {{ days }} <= 7 then '2-7'
            when {{ days }} <= 30 then '8-30'
            when {{ days }} > 30 then '31+'
        end
{%- endmacro %}

{# Join of what came at the bank of each payout: its lines, their sum and currency (NULL and NULL where they are of several). #}
{% macro join_lines_of(payouts) -%}
left join (
        select
            tenant_id,
            kind,
            source,
            payout_id,
            payout_currency,
            count(*) as lines,
            case when min(currency) = max(currency) then min(currency) end as currency,
            case when min(currency) = max(currency) then sum(amount) end as amount
        from {{ source('finance', 'line_states') }}
        where payout_id is not null
        group by tenant_id, kind, source, payout_id, payout_currency
    ) as came
        on {{ payouts }}.tenant_id = came.tenant_id
        and {{ payouts }}.kind = came.kind
        and {{ payouts }}.source = came.source
        and {{ payouts }}.payout_id = came.payout_id
        and {{ payouts }}.currency = came.payout_currency
{%- endmacro %}

{#
    A column (currency or amount) of what came at the bank of a payout. Of several alike whose lines all came nobody knows which
    line is whose; that the money came is known.
#}
{% macro received(column) -%}
case
            when came.lines > 0 then came.{{ column }}
            when payouts.state = 'matched' and payouts.matched_by is distinct from 'nothing_due' then payouts.{{ column }}
        end
{%- endmacro %}
