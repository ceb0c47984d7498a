"""The local stack: embedded Postgres and Airflow as processes of one state folder."""
