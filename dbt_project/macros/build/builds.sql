{#
    One build: what it may read (pins), what each model has read (watermarks), and the days that rows left.
    A model reads (watermark, pin]; its watermark moves in the model's own transaction. A build takes much when it has more than
    a twentieth of a feed to read.
#}

{% macro is_building() -%}
    {{ return(execute and flags.WHICH in ('build', 'run', 'seed', 'snapshot')) }}
{%- endmacro %}

{% macro create_build_tables() -%}
    {%- if is_building() -%}
    create sequence if not exists ops.build_ids;
    create table if not exists ops.builds (
        build_id bigint primary key, as_of text, started_at timestamptz not null default clock_timestamp(),
        finished_at timestamptz, succeeded boolean, is_proven boolean, takes_much boolean
    );
    create table if not exists ops.pins (feed text primary key, load_id bigint not null);
    create table if not exists ops.build_pins (
        build_id bigint not null, feed text not null, load_id bigint not null, primary key (build_id, feed)
    );
    create table if not exists ops.tenant_horizons (tenant_id text primary key, horizon_at timestamptz not null);
    create table if not exists ops.watermarks (
        model text, upstream text, position bigint not null, primary key (model, upstream)
    );
    create table if not exists ops.left_days (
        model text not null, build_id bigint not null, tenant_id text not null, left_date date not null, customer_id text
    );
    alter table ops.left_days add column if not exists kol_id text, add column if not exists cause text;
    create index if not exists left_days_model_build on ops.left_days (model, build_id);
    create table if not exists ops.held_tenants (
        build_id bigint not null, tenant_id text not null, reason text not null, primary key (build_id, tenant_id)
    );
    {%- endif -%}
{%- endmacro %}

{#
    Pins the newest committed load per feed: loads that commit later belong to the next build. A run of plain dbt asks
    whether a build holds the lock; include.transform holds it for the whole build.
#}
{% macro begin_build() -%}
    {%- if is_building() -%}
    {% if not env_var('SOKOL_BUILD_LOCK_HELD', '') -%}
    do $$ begin
        if not pg_try_advisory_xact_lock(hashtextextended('sokol:build', 0)) then
            raise exception 'another build is running; wait for it, or run this one by python -m include.transform, which waits';
        end if;
    end $$;
    {% endif -%}
    insert into ops.pins (feed, load_id)
        select feed, max(load_id) from ops.loads group by feed
        on conflict (feed) do update set load_id = excluded.load_id where pins.load_id <> excluded.load_id;
    insert into ops.tenant_horizons (tenant_id, horizon_at)
        select loads.tenant_id, max(loads.interval_end)
        from ops.loads as loads
        inner join ops.pins as pins on loads.feed = pins.feed and loads.load_id <= pins.load_id
        where loads.feed not in ('{{ feeds_of_decisions() | join("', '") }}')
        group by loads.tenant_id
        on conflict (tenant_id) do update set horizon_at = excluded.horizon_at
        where tenant_horizons.horizon_at <> excluded.horizon_at;
    insert into ops.builds (build_id, as_of, takes_much)
        select
            nextval('ops.build_ids'),
            nullif('{{ var("as_of") }}', ''),
            exists (
                select 1
                from ops.loads as loads
                left join ops.build_pins as seen
                    on loads.feed = seen.feed
                    and seen.build_id = (select max(builds.build_id) from ops.builds as builds where builds.succeeded)
                group by loads.feed
                having
                    sum(case when loads.load_id > coalesce(seen.load_id, 0) then loads.rows_loaded else 0 end)
                    > greatest(5000, 0.05 * sum(loads.rows_loaded))
            );
    insert into ops.build_pins (build_id, feed, load_id)
        select (select max(builds.build_id) from ops.builds as builds), pins.feed, pins.load_id from ops.pins as pins;
    {%- endif -%}
{%- endmacro %}

{# Feeds whose contract says is_decision: they hold what was decided here, and cover no day of business. #}
{% macro feeds_of_decisions() -%}
    {%- set feeds = [] -%}
    {%- for source in graph.sources.values() if source.config.meta.get('is_decision') -%}
        {%- do feeds.append(source.name) -%}
    {%- endfor -%}
    {{ return(feeds | sort) }}
{%- endmacro %}

{% macro finish_build(results) -%}
    {%- if is_building() -%}
    {%- set failed = results | selectattr('status', 'in', ['error', 'fail', 'runtime error']) | list -%}
    {%- set ran = results | map(attribute='node.unique_id') | list -%}
    {%- set left_out = graph.nodes.values() | selectattr('resource_type', 'in', ['model', 'test']) | rejectattr('config.materialized', 'equalto', 'ephemeral') | rejectattr('unique_id', 'in', ran) | list -%}
    update ops.builds set
            finished_at = clock_timestamp(),
            succeeded = {{ 'false' if failed else 'true' }},
            is_proven = {{ 'false' if failed or left_out else 'true' }}
        where build_id = (select max(build_id) from ops.builds);
    delete from ops.build_pins where build_id < (select max(build_id) from ops.builds where is_proven);
    delete from ops.left_days where build_id <= (select min(position) from ops.watermarks where upstream = 'builds');
    {%- endif -%}
{%- endmacro %}

{# The number of this build, as a literal. #}
{% macro build_id() -%}
    {%- if is_building() -%}
        {{ return(run_query('select coalesce(max(build_id), 0) from ops.builds').columns[0].values()[0] | int) }}
    {%- else -%}
        {{ return(0) }}
    {%- endif -%}
{%- endmacro %}

{# The newest load of a feed that this build may read. #}
{% macro pin(feed) -%}
    (select coalesce(max(pins.load_id), 0) from ops.pins as pins where pins.feed = '{{ feed }}')
{%- endmacro %}

{# How far all of `models` have read `upstream`, as a literal; 0 before the first time. #}
{% macro watermark(upstream, models) -%}
    {%- if is_building() and not flags.FULL_REFRESH -%}
        {%- set sql -%}
            select coalesce(min(coalesce(watermarks.position, 0)), 0)
            from (values {% for model in models %}('{{ model }}'){{ ', ' if not loop.last }}{% endfor %}) as models (model)
            left join ops.watermarks as watermarks
                on models.model = watermarks.model and watermarks.upstream = '{{ upstream }}'
        {%- endset -%}
        {{ return(run_query(sql).columns[0].values()[0] | int) }}
    {%- else -%}
        {{ return(0) }}
    {%- endif -%}
{%- endmacro %}

{# Post-hook: this model has read `feeds` up to their pins and all builds up to this one. #}
{% macro advance(feeds=[]) -%}
    {%- if is_building() -%}
    insert into ops.watermarks (model, upstream, position)
        select '{{ this.name }}', pins.feed, pins.load_id from ops.pins as pins
        where pins.feed in ('builds'{% for feed in feeds %}, '{{ feed }}'{% endfor %})
        union all
        select '{{ this.name }}', 'builds', max(build_id) from ops.builds
        on conflict (model, upstream) do update set position = excluded.position
    {%- endif -%}
{%- endmacro %}

{#
    The condition that a standing row belongs to `touched`. `on` names the pairs of columns: {standing: touched}; `also` is a
    further condition on the touched row.
#}
{% macro is_touched(touched, on, also=none) -%}
exists (
            select 1 from {{ touched }} as touched
            where {% for standing, column in on.items() %}standing.{{ standing }} = touched.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
            {%- if also %} and {{ also }}{% endif %}
        )
{%- endmacro %}

{#
    Pre-hook of a model whose rows others aggregate by day: note the days, KOLs and customers that touched rows are about to
    leave, and the cause; all of them when the table is made anew. `touched` has one row per row that it touches.
#}
{% macro note_left_days(day, touched, on) -%}
    {%- if is_building() and load_relation(this) is not none -%}
    insert into ops.left_days (model, build_id, tenant_id, left_date, customer_id, kol_id, cause)
        select distinct
            '{{ this.name }}', {{ build_id() }}, standing.tenant_id, standing.{{ day }}, standing.customer_id, standing.kol_id,
            {{ 'touched.cause' if is_incremental() else "'rebuild'" }}
        from {{ this }} as standing
        {%- if is_incremental() %}
        inner join {{ touched }} as touched
            on {% for column, other in on.items() %}standing.{{ column }} = touched.{{ other }}{{ ' and ' if not loop.last }}{% endfor %}
        {%- endif %}
    {%- endif -%}
{%- endmacro %}

{# Pre-hook: take out the rows that the model is about to write anew. #}
{% macro delete_touched(touched, on, also=none) -%}
    {%- if is_incremental() -%}
    delete from {{ this }} as standing
        where {{ is_touched(touched, on, also) }}
    {%- endif -%}
{%- endmacro %}

{# Post-hook of the model of held tenants: what they miss in this build is made up for by the first that may publish them. #}
{% macro note_held_tenants() -%}
    {%- if is_building() -%}
    insert into ops.held_tenants (build_id, tenant_id, reason)
        select {{ build_id() }}, tenant_id, min(reason) from {{ this }} group by tenant_id
        on conflict do nothing
    {%- endif -%}
{%- endmacro %}
