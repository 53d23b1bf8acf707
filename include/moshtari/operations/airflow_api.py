"""The few calls of Airflow's REST API that the command line needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import httpx

from moshtari.operations.airflow import base_url
from moshtari.settings import Settings

UNFINISHED = ("queued", "running")


class AirflowApiError(RuntimeError):
    """Airflow did not answer as expected. The message says what to do."""


@dataclass(frozen=True)
class DagRun:
    """One run of one DAG for one business day (its partition)."""

    dag_id: str
    run_id: str
    day: date
    state: str
    started: datetime | None
    ended: datetime | None

    @property
    def finished(self) -> bool:
        return self.state not in UNFINISHED


@dataclass(frozen=True)
class TaskState:
    """One task of a DAG run. ``state`` is None until it is scheduled."""

    task_id: str
    state: str | None
    duration: float | None


class AirflowApi:
    """A client that logs in once. Close it, or use it as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = httpx.Client(base_url=base_url(settings), timeout=30)
        self._token: str | None = None

    def __enter__(self) -> AirflowApi:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._client.close()

    def health(self) -> dict[str, str]:
        """Component -> status; empty when the API server does not answer."""
        try:
            response = self._client.get("/api/v2/monitor/health", timeout=5).raise_for_status()
            answer = response.json()
        except (httpx.HTTPError, ValueError):
            return {}
        return {name: part.get("status") or "unknown" for name, part in answer.items()}

    def known_dags(self) -> set[str]:
        """The DAGs that Airflow has read."""
        return {dag["dag_id"] for dag in self._call("GET", "/dags?limit=100")["dags"]}

    def import_errors(self) -> list[str]:
        """Files that Airflow could not read, with the last line of the reason."""
        found = self._call("GET", "/importErrors?limit=20")["import_errors"]
        return [f"{e['filename']}: {e['stack_trace'].strip().splitlines()[-1]}" for e in found]

    def trigger(self, dag_id: str, day: date) -> DagRun:
        """Start the DAG for one business day, whatever ran before."""
        body = {"logical_date": None, "partition_key": day.isoformat()}
        return _dag_run(self._call("POST", f"/dags/{dag_id}/dagRuns", body))

    def backfill(self, dag_id: str, first: date, last: date) -> int:
        """Queue the days first..last in order, days done before among them; returns its id."""
        body = {
            "dag_id": dag_id,
            "from_date": f"{first}T00:00:00",
            "to_date": f"{last}T23:59:59",
            "reprocess_behavior": "completed",
            "max_active_runs": 1,
        }
        return int(self._call("POST", "/backfills", body)["id"])

    def runs(self, dag_id: str, *, day: date | None = None, limit: int = 100) -> list[DagRun]:
        """The newest runs of a DAG that have a business day, or those of ``day``, newest first."""
        path = f"/dags/{dag_id}/dagRuns?limit={limit}&order_by=-id"
        if day is not None:
            path += f"&partition_key_prefix_pattern={day.isoformat()}"
        answer = self._call("GET", path)
        return [_dag_run(run) for run in answer["dag_runs"] if run.get("partition_key")]

    def tasks(self, run: DagRun) -> list[TaskState]:
        """The tasks of a run."""
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances?limit=200"
        return [
            TaskState(t["task_id"], t["state"], t["duration"])
            for t in self._call("GET", path)["task_instances"]
        ]

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            response = self._send(method, path, body)
            if response.status_code == httpx.codes.UNAUTHORIZED:
                self._token = None
                response = self._send(method, path, body)
        except httpx.HTTPError as error:
            raise AirflowApiError(
                f"Airflow does not answer on {base_url(self._settings)} ({type(error).__name__}). "
                "Start it with `moshtari up`, or look into the api-server's log"
            ) from error
        if response.is_error:
            raise AirflowApiError(
                f"Airflow answered {response.status_code} to {method} {path}: {response.text[:300]}"
            )
        return response.json()

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._login()}"}
        return self._client.request(method, f"/api/v2{path}", json=body, headers=headers)

    def _login(self) -> str:
        if self._token is None:
            password = self._settings.secrets.get("airflow_admin")
            answer = self._client.post(
                "/auth/token", json={"username": self._settings.airflow_user, "password": password}
            )
            answer.raise_for_status()
            self._token = str(answer.json()["access_token"])
        return self._token


def _dag_run(answer: dict[str, Any]) -> DagRun:
    return DagRun(
        dag_id=answer["dag_id"],
        run_id=answer["dag_run_id"],
        day=date.fromisoformat(answer["partition_key"][:10]),
        state=answer["state"],
        started=_time(answer.get("start_date")),
        ended=_time(answer.get("end_date")),
    )


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
