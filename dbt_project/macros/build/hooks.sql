{#
    Post-hook of every mart: a rebuilt table has lost its policies and grants, so they are laid again. Readers see the
    tenants that ops.tenant_access grants to the database role that asks; the transformer sees all. Rows of a mart whose meta says
    `is_personal` are seen only by roles in ops.pii_access.
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
    create policy reader_sees_own on {{ this }} for select to sokol_reader using (
        tenant_id in (select ops.readable_tenants(current_user))
        {%- if model.config.meta.get('is_personal') %} and (select ops.may_read_pii(current_user)){% endif %}
    );
    {%- endif -%}
    grant select on {{ this }} to sokol_reader
    {%- endif -%}
{%- endmacro %}

{% macro snowflake__secure_mart() -%}
{%- endmacro %}

{# A table made by a query has no statistics until it is analysed; one that a build left as it was keeps those it has. #}
{% macro analyze() -%}
    {{ return(adapter.dispatch('analyze')()) }}
{%- endmacro %}

{% macro default__analyze() -%}
    {%- if model.config.materialized == 'view' -%}
    {%- elif model.config.materialized == 'incremental' and is_building() and not has_written() -%}
    {%- else -%}
    analyze {{ this }}
    {%- endif -%}
{%- endmacro %}

{# True when the transaction put rows into the model's table or took some out. #}
{% macro has_written() -%}
    {%- set sql -%}
        select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) > 0
        from pg_stat_xact_user_tables
        where schemaname = '{{ this.schema }}' and relname = '{{ this.identifier }}'
    {%- endset -%}
    {{ return(run_query(sql).columns[0].values()[0]) }}
{%- endmacro %}

{% macro snowflake__analyze() -%}
{%- endmacro %}

{#
    Pre-hook of every model: when it reads everything, or the build takes much, it joins and groups by hashing. Postgres expects
    far too few rows of a view over unions, and of what was just made, and would loop over them or sort what spills; what is
    little is found by index.
#}
{% macro prefer_hashing_for_much() -%}
    {%- if is_building() -%}
        {%- set is_first = model.config.materialized == 'incremental' and not is_incremental() -%}
        {%- if is_first or takes_much() -%}{{ prefer_hashing() }}{%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# True when this build, or a failed one that it makes up for, takes much. #}
{% macro takes_much() -%}
    {%- set succeeded = run_query('select coalesce(max(build_id), 0) from ops.builds where succeeded').columns[0].values()[0] -%}
    {{ return(is_much_new_since(succeeded)) }}
{%- endmacro %}

{# True when a build after number `build`, this one among them, took much, or this one makes everything anew. #}
{% macro is_much_new_since(build) -%}
    {%- if not execute or build == 0 or flags.FULL_REFRESH -%}{{ return(true) }}{%- endif -%}
    {%- set sql = 'select coalesce(bool_or(takes_much), false) from ops.builds where build_id > ' ~ build -%}
    {{ return(run_query(sql).columns[0].values()[0]) }}
{%- endmacro %}

{# For the rest of the model's transaction, join and group by hashing. #}
{% macro prefer_hashing() -%}
    {{ return(adapter.dispatch('prefer_hashing')()) }}
{%- endmacro %}

{% macro default__prefer_hashing() -%}
    set local enable_nestloop = off; set local enable_mergejoin = off; set local enable_sort = off
{%- endmacro %}

{% macro snowflake__prefer_hashing() -%}
{%- endmacro %}
