#!/bin/sh
# Runs once in a new Postgres volume: Airflow's own role and database beside the warehouse.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$SOKOL_AIRFLOW_DB_PASSWORD" --username postgres <<'SQL'
create role airflow login password :'password';
create database airflow owner airflow;
revoke all on database airflow from public;
SQL
