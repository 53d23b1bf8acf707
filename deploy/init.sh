#!/bin/sh
# Bring both databases to this image's version, then see that Airflow has its administrator. Safe to repeat:
# it runs before every start, and every other service waits for it.
set -eu

moshtari migrate
airflow db migrate
# One partition event at a time: include/moshtari/operations/airflow.py says why.
airflow pools set partition_events 1 "One partition event at a time"
# Ends in 0 with a notice when the user is there; its password is then left as it is.
airflow users create \
    --username "$AIRFLOW_ADMIN_USER" --password "$AIRFLOW_ADMIN_PASSWORD" --email "$AIRFLOW_ADMIN_EMAIL" \
    --firstname Moshtari --lastname Administrator --role Admin
