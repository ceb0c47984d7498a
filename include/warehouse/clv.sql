-- What the forecasts of customers work with: the models of each tenant, and the checks of what came against what was
-- forecast. The forecasts themselves are landed feeds; the views show those that stand.

create table if not exists clv.model_runs (
    run_no bigint generated always as identity primary key,
    tenant_id text not null,
    model_version text not null,
    as_of_date date not null,
    trained_at timestamptz not null default clock_timestamp(),
    customers bigint not null,
    orders bigint not null,
    history_months integer not null,
    method text not null,
    status text not null check (status in ('champion', 'refused', 'retired', 'rolled_back')),
    reason text not null,
    figures jsonb not null,
    weights jsonb not null,
    tracking_run text,
    artifact bytea,
    card text,
    unique (tenant_id, model_version)
);
create unique index if not exists model_runs_champion on clv.model_runs (tenant_id) where status = 'champion';

create table if not exists clv.drift_checks (
    check_no bigint generated always as identity primary key,
    tenant_id text not null,
    model_version text not null,
    as_of_date date not null,
    checked_at timestamptz not null default clock_timestamp(),
    measured jsonb not null,
    verdict text not null check (verdict in ('fine', 'drift', 'fell back'))
);
create index if not exists drift_checks_model on clv.drift_checks (tenant_id, model_version);

create or replace view clv.forecasts as
    select
        tenant_id, as_of_date, customer_id, model_version, method, reporting_currency, alive_probability, orders_12m,
        net_value_12m, net_value_12m_low, net_value_12m_high, segment, months, forecast_at
    from raw.clv_forecasts where not _deleted;

create or replace view clv.series_forecasts as
    select
        tenant_id, as_of_date, series_type, series_key, month_no, starts_on, ends_on, model_version, customers, orders,
        net_value, net_value_low, net_value_high, forecast_at
    from raw.clv_series where not _deleted;

create or replace view clv.segments as
    select tenant_id, as_of_date, segment, net_value_from, customers, net_value_12m, model_version, forecast_at
    from raw.clv_segments where not _deleted;

-- A month ends on the as-of day's number, or with the calendar month where that has fewer days.
create or replace view clv.forecast_months as
    select
        forecasts.tenant_id, forecasts.as_of_date, forecasts.customer_id, forecasts.model_version, month_no,
        (forecasts.as_of_date + make_interval(months => month_no - 1))::date + 1 as starts_on,
        (forecasts.as_of_date + make_interval(months => month_no))::date as ends_on,
        (forecasts.months -> 'orders' ->> month_no - 1)::numeric as orders,
        (forecasts.months -> 'net_value' ->> month_no - 1)::numeric as net_value,
        (forecasts.months -> 'low' ->> month_no - 1)::numeric as low,
        (forecasts.months -> 'high' ->> month_no - 1)::numeric as high
    from clv.forecasts as forecasts
    cross join generate_series(1, 12) as month_no;
