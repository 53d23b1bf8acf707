"""Airflow DAG: write the published day's outreach lists as CSV and XLSX files."""

from __future__ import annotations

from airflow.sdk import DAG, PartitionedAssetTimetable, task
from shared.assets import CUSTOMER_MARTS
from shared.policy import DEFAULT_ARGS, schedule_start

with DAG(
    dag_id="deliver_outreach_lists",
    schedule=PartitionedAssetTimetable(assets=CUSTOMER_MARTS),
    start_date=schedule_start(),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=["deliver", "outreach"],
    doc_md="""
### deliver_outreach_lists
Runs when a day is published. Writes each list of that day to `outreach/<day>/<list>.csv` and
`.xlsx` under MOSHTARI_HOME: to a temporary name first, then moved, so nobody opens half a file.
Text that a spreadsheet would take for a formula is made harmless. When readers see another day
than this one (a backfill of an old day), no list is written: nobody should call yesterday's
customers today.
""",
):

    @task
    def write_list_files(dag_run=None) -> dict[str, int]:  # type: ignore[no-untyped-def]
        """One CSV and one XLSX a list; returns rows by list."""
        from datetime import date

        from airflow.sdk.exceptions import AirflowSkipException

        from moshtari.outreach.files import NotTheShownDayError, write_lists
        from moshtari.settings import load_settings

        try:
            written = write_lists(load_settings(), date.fromisoformat(dag_run.partition_key))
        except NotTheShownDayError as error:
            raise AirflowSkipException(str(error)) from error
        return {file.list_name: file.rows for file in written}

    write_list_files()
