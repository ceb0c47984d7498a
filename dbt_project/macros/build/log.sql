{#
    The log of what moved compares the published days of KOLs with what it saw last: ops.logged_kol_days is kol_roi_daily as it was
    then, ops.logged_tenants each tenant's as-of day. Both are brought up to date in the transaction that writes the log.
#}

{% macro logged(name) -%}
    {{ return(api.Relation.create(database=target.database, schema='ops', identifier='logged_' ~ name)) }}
{%- endmacro %}

{# Pre-hook: on the first build, and when the mart has other columns than it had, nothing is there to compare with. #}
{% macro create_logged() -%}
    {%- if is_building() -%}
    {%- set seen = load_relation(logged('kol_days')) -%}
    {%- if seen is not none -%}
        {%- set columns = adapter.get_columns_in_relation(seen) | map(attribute='name') | list -%}
        {%- if columns != adapter.get_columns_in_relation(ref('kol_roi_daily')) | map(attribute='name') | list -%}
    drop table {{ logged('kol_days') }};
    drop table {{ logged('tenants') }};
        {%- endif -%}
    {%- endif %}
    create table if not exists {{ logged('kol_days') }} as select * from {{ ref('kol_roi_daily') }} where false;
    create table if not exists {{ logged('tenants') }} (tenant_id text primary key, as_of_date date not null)
    {%- endif -%}
{%- endmacro %}

{# Post-hook: the log has seen what it has written, and all of the tenants that it had not seen before. #}
{% macro note_logged() -%}
    {%- if is_building() -%}
    {%- set is_news -%}
        exists (
            select 1 from {{ this }} as changes
            where
                changes.build_id = {{ build_id() }}
                and changes.tenant_id = days.tenant_id
                and changes.kol_id = days.kol_id
                and changes.activity_date = days.activity_date
        )
        or not exists (select 1 from {{ logged('tenants') }} as tenants where tenants.tenant_id = days.tenant_id)
    {%- endset -%}
    delete from {{ logged('kol_days') }} as days where {{ is_news }};
    insert into {{ logged('kol_days') }} select days.* from {{ ref('kol_roi_daily') }} as days where {{ is_news }};
    insert into {{ logged('tenants') }} as seen (tenant_id, as_of_date)
        select tenant_id, as_of_date from {{ ref('int_tenants__published') }}
        on conflict (tenant_id) do update set as_of_date = excluded.as_of_date where seen.as_of_date <> excluded.as_of_date
    {%- endif -%}
{%- endmacro %}

{# When this build began, as a literal. #}
{% macro build_started_at() -%}
    {%- if is_building() -%}
        {%- set sql = 'select cast(started_at as text) from ops.builds where build_id = ' ~ build_id() -%}
        {{ return("cast('" ~ run_query(sql).columns[0].values()[0] ~ "' as timestamptz)") }}
    {%- else -%}
        {{ return('cast(null as timestamptz)') }}
    {%- endif -%}
{%- endmacro %}
