"""Airflow DAG: land one business day of the tickets family from every source that supplies it."""

from shared.extraction import extraction_dag

dag = extraction_dag(
    "tickets",
    doc_md="""
### extract_tickets
Support tickets and their events (replies, changes of status).

Partitioned by business day (the partition key is the day, in the deployment's time zone). Each
task reads one source's changes of that day and lands them by COPY into `raw`; a repeated load
changes nothing, rejected rows go to `quarantine.records`, and `ops.loads` says what was read,
landed, unchanged and quarantined. When a task fails nothing of its entity has landed: mend the
cause named in the log and clear the task, or `moshtari run --date <day>`.
""",
)
