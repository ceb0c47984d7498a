"""Sokol's Python package: every arrow of the day of the data, with no Airflow in it."""
