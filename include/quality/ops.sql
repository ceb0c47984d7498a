-- What the gates remember. The transformer makes and owns these tables; nothing in them decides what a mart says.

create sequence if not exists ops.gate_run_ids;

create table if not exists ops.gate_runs (
    run_id bigint primary key,
    gate text not null,
    build_id bigint,
    passed boolean not null,
    expectations integer not null,
    failures integer not null,
    warnings integer not null,
    positions jsonb not null,
    started_at timestamptz not null,
    finished_at timestamptz not null default clock_timestamp()
);

create table if not exists ops.gate_results (
    run_id bigint not null references ops.gate_runs,
    gate text not null,
    suite text not null,
    expectation text not null,
    severity text not null,
    success boolean not null,
    unexpected_count bigint,
    details jsonb not null,
    first_load_id bigint,
    last_load_id bigint,
    build_id bigint,
    primary key (run_id, suite, expectation)
);

-- How far each gate has let pass: per feed the newest load, for the marts the newest build.
create table if not exists ops.gate_marks (
    gate text not null,
    subject text not null,
    position bigint not null,
    run_id bigint not null references ops.gate_runs,
    primary key (gate, subject)
);

-- Rows of each mart when the gate of the marts last let it pass.
create table if not exists ops.gate_sizes (
    mart text primary key,
    rows bigint not null,
    run_id bigint not null references ops.gate_runs
);

-- What was let pass by a person, and why.
create table if not exists ops.gate_acceptances (
    accepted_at timestamptz not null default now(),
    accepted_by text not null,
    gate text not null,
    subject text not null,
    position bigint not null,
    reason text not null
);

create table if not exists ops.load_profiles (
    load_id bigint not null,
    feed text not null,
    tenant_id text not null,
    source text not null,
    column_name text not null,
    data_type text not null,
    rows bigint not null,
    missing bigint not null,
    sampled bigint not null,
    quantiles jsonb,
    outliers bigint,
    lowest_usual text,
    highest_usual text,
    value_counts jsonb,
    profiled_at timestamptz not null default now(),
    primary key (load_id, column_name)
);
create index if not exists load_profiles_feed on ops.load_profiles (feed, load_id);
