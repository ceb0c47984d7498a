{# Rules of the reconciliation that several models share. #}

{# True for a state that somebody has to look at. The indexes of what is open in finance say the same words. #}
{% macro is_break(state) -%}
{{ state }} not in ('matched', 'timing', 'void', 'not_sales')
{%- endmacro %}

{# True for the state of a payment that succeeded: what failed is void, what is pending a matter of time. #}
{% macro moved_money(state) -%}
{{ state }} not in ('void', 'timing')
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

{#
    A query for the newest night of each tenant that no proven build has looked at: (tenant_id, as_of_date, positions, end_at), end_at
    being the instant at which its day ended.
#}
{% macro unproven_nights() -%}
        select
            tenant_id,
            as_of_date,
            positions,
            {{ day_start('as_of_date + 1', 'time_zone') }} as end_at
        from (
            select
                *,
                row_number() over (partition by tenant_id order by run_id desc) as run_number
            from {{ source('finance', 'reconciliation_runs') }}
        ) as runs
        where
            run_number = 1
            {%- if proven_build() %}
            and finished_at > (select builds.started_at from ops.builds as builds where builds.build_id = {{ proven_build() }})
            {%- endif %}
{%- endmacro %}
