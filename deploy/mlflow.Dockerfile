# The MLflow server of compose.yaml. docs/server.md states how it was checked.
FROM python:3.12-slim

ARG MLFLOW_VERSION=3.17.2
RUN pip install --no-cache-dir "mlflow[auth]==${MLFLOW_VERSION}" "psycopg[binary]>=3.1" "sqlalchemy>=2.1,<3" \
    && useradd --create-home --uid 1000 mlflow \
    && install --directory --owner mlflow --group mlflow /artifacts

USER mlflow
WORKDIR /home/mlflow
EXPOSE 5000
VOLUME /artifacts
