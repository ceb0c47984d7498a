{#
    What a data test has to look at: rows that no build has proven yet. A build proves what it wrote when every model and every
    data test ran and none failed; what another wrote is checked again by the next. `--vars '{check_all: true}'` looks at everything.
#}

{# Number of the newest proven build before this one, as a literal; 0 when all is to be checked. #}
{% macro proven_build() -%}
    {%- if not execute or flags.WHICH not in ('build', 'test') or flags.FULL_REFRESH or var('check_all') -%}{{ return(0) }}{%- endif -%}
    {%- if load_relation(api.Relation.create(database=target.database, schema='ops', identifier='builds')) is none -%}
        {{ return(0) }}
    {%- endif -%}
    {%- set sql -%}
        select coalesce(max(builds.build_id), 0)
        from ops.builds as builds
        where builds.is_proven and builds.build_id < (select max(newest.build_id) from ops.builds as newest)
    {%- endset -%}
    {{ return(run_query(sql).columns[0].values()[0] | int) }}
{%- endmacro %}

{# The newest load of `feed` that the newest proven build read, as a literal; 0 when all is to be checked. #}
{% macro proven_load(feed) -%}
    {%- set proven = proven_build() -%}
    {%- if proven == 0 -%}{{ return(0) }}{%- endif -%}
    {%- set sql = 'select coalesce(max(load_id), 0) from ops.build_pins where build_id = ' ~ proven ~ ' and feed = \'' ~ feed ~ '\'' -%}
    {{ return(run_query(sql).columns[0].values()[0] | int) }}
{%- endmacro %}

{#
    A condition that a day, for clicks one on which they moved, is among those that this build computed. All days are, unless the build
    just before this one is proven: what int_days__touched tells is only what has moved since that one.
#}
{% macro is_unproven_day(tenant_id, day, of_clicks=false) -%}
    {%- set days = ref('int_days__touched') -%}
    {%- if not is_day_by_day() -%}true{%- else -%}
exists (
            select 1 from {{ days }} as touched
            where
                touched.tenant_id = {{ tenant_id }}
                and touched.touched_date = {{ day }}
                {%- if of_clicks %} and {{ moves_clicks('touched') }}{% endif %}
        )
    {%- endif -%}
{%- endmacro %}

{# True when the build just before this one is proven, so that only the days that moved since need a look. #}
{% macro is_day_by_day() -%}
    {%- set proven = proven_build() -%}
    {%- if proven == 0 -%}{{ return(false) }}{%- endif -%}
    {%- set between = run_query('select count(*) from ops.builds where build_id > ' ~ proven).columns[0].values()[0] -%}
    {{ return(between | int <= 1) }}
{%- endmacro %}

{# dbt's own generic tests take `where: __unproven__` to look at unproven rows alone. #}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get('where', '') -%}
    {%- if not where -%}{{ return(relation) }}{%- endif -%}
    {{ return('(select * from ' ~ relation ~ ' where ' ~ where | replace('__unproven__', '_build_id > ' ~ proven_build()) ~ ') as unproven') }}
{%- endmacro %}
