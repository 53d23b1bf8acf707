"""Keeping Moshtari running on one machine: processes, Airflow, nights, alerts and the doctor."""
