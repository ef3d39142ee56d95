#!/bin/sh
# Creates the roles and databases of the shared store, when PostgreSQL starts for the first time:
# `mlflow` and `mlflow_auth` for the server, `sweeps` for claims and studies of the machines that train.
set -eu

psql --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\getenv mlflow_password MLFLOW_DATABASE_PASSWORD
\getenv sweeps_password SWEEPS_PASSWORD
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';
CREATE ROLE sweeps LOGIN PASSWORD :'sweeps_password';
CREATE DATABASE mlflow OWNER mlflow;
CREATE DATABASE mlflow_auth OWNER mlflow;
CREATE DATABASE sweeps OWNER sweeps;
REVOKE CONNECT ON DATABASE mlflow, mlflow_auth, sweeps FROM PUBLIC;
SQL
