-- First start of an empty volume: a login and a database for the warehouse, and for Airflow's metadata.
-- The passwords come from this container's environment.
\getenv moshtari_password MOSHTARI_DB_PASSWORD
\getenv airflow_password AIRFLOW_DB_PASSWORD

-- Owns nothing: `moshtari migrate`, as the administrator, makes the group roles and lets this login act as them.
create role moshtari with login password :'moshtari_password';
create database moshtari;
revoke all on database moshtari from public;

create role airflow with login password :'airflow_password';
create database airflow with owner airflow;
revoke all on database airflow from public;
