{#
    Post-hook of every mart: a rebuilt table has lost its policies and grants, so they are laid again. Readers see the
    tenants that ops.tenant_access grants to the database role that asks; the transformer sees all.
#}
{% macro secure_mart() -%}
    {{ return(adapter.dispatch('secure_mart')()) }}
{%- endmacro %}

{% macro default__secure_mart() -%}
    {%- if is_building() -%}
    {%- if model.config.materialized == 'view' -%}
    alter view {{ this }} set (security_invoker = true);
    {%- elif 'tenant_id' in model.columns -%}
    alter table {{ this }} enable row level security;
    alter table {{ this }} force row level security;
    drop policy if exists transformer_sees_all on {{ this }};
    create policy transformer_sees_all on {{ this }} to sokol_transformer using (true) with check (true);
    drop policy if exists reader_sees_own on {{ this }};
    create policy reader_sees_own on {{ this }} for select to sokol_reader using (tenant_id in (select ops.readable_tenants(current_user)));
    {%- endif -%}
    grant select on {{ this }} to sokol_reader
    {%- endif -%}
{%- endmacro %}

{% macro snowflake__secure_mart() -%}
{%- endmacro %}

{# A table made by a query has no statistics until it is analysed. #}
{% macro analyze() -%}
    {{ return(adapter.dispatch('analyze')()) }}
{%- endmacro %}

{% macro default__analyze() -%}
    {%- if model.config.materialized != 'view' -%} analyze {{ this }} {%- endif -%}
{%- endmacro %}

{% macro snowflake__analyze() -%}
{%- endmacro %}

{#
    Pre-hook: for the rest of the model's transaction, join by hashing. For models that join what was just made many times
    over: Postgres expects far too few rows there, and loops over them.
#}
{% macro prefer_hash_joins() -%}
    {{ return(adapter.dispatch('prefer_hash_joins')()) }}
{%- endmacro %}

{% macro default__prefer_hash_joins() -%} set local enable_nestloop = off {%- endmacro %}

{% macro snowflake__prefer_hash_joins() -%}
{%- endmacro %}
