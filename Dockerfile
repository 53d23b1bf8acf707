# One image for every Airflow process of a server and for the command line (docker-compose.yml).
# The base is an argument, so that an organisation can name its own; any Debian or Ubuntu with a Python
# 3.11 to 3.13, pip and venv as `python3` will do.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS environment
ARG UV_VERSION=0.13.9
# The base's own certificates count, so that a base with an organisation's CA builds behind its proxy.
ENV UV_SYSTEM_CERTS=1 \
    UV_PYTHON_DOWNLOADS=never \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1
WORKDIR /opt/moshtari
RUN python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check "uv==${UV_VERSION}"
# The dependencies apart from the code: a change of the code does not install them again.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN /opt/uv/bin/uv sync --locked --no-dev --extra server --no-install-project
COPY include ./include
RUN /opt/uv/bin/uv sync --locked --no-dev --extra server

FROM ${BASE_IMAGE}
ENV PATH=/opt/moshtari/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MOSHTARI_HOME=/var/lib/moshtari \
    MOSHTARI_CONFIG=/opt/moshtari/moshtari.yml \
    AIRFLOW_HOME=/var/lib/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/moshtari/dags \
    AIRFLOW__CORE__LOAD_EXAMPLES=False
# Named volumes take the owner of these folders when they are first mounted.
RUN groupadd --gid 10001 moshtari \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/moshtari \
        --shell /usr/sbin/nologin moshtari \
    && install --directory --owner=moshtari --group=moshtari --mode=0750 \
        /var/lib/moshtari /var/lib/airflow /var/lib/airflow/logs
WORKDIR /opt/moshtari
COPY --from=environment /opt/moshtari /opt/moshtari
COPY deploy ./deploy
COPY expectations ./expectations
COPY dbt_project ./dbt_project
COPY dags ./dags
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=5m --retries=3 \
    CMD ["python", "deploy/probe.py", "http://127.0.0.1:8080/api/v2/monitor/health", "metadatabase"]
ENTRYPOINT ["deploy/entrypoint.sh"]
CMD ["airflow", "api-server"]
