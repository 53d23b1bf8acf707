"""What holds for every DAG, and that nothing is published that was not checked."""

from pathlib import Path
from typing import Any

EXTRACTIONS = {"extract_orders", "extract_tickets", "extract_mentions"}
ALL = EXTRACTIONS | {"build_customer_marts", "deliver_outreach_lists", "watch_publication"}


def tasks_of(dagbag: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, t) for name, dag in dagbag["dags"].items() for t in dag["tasks"].values()]


def before(tasks: dict[str, Any], task: str) -> set[str]:
    """All tasks that a task waits for, directly or by way of others."""
    direct = set(tasks[task]["upstream"])
    return direct.union(*(before(tasks, upstream) for upstream in direct)) if direct else set()


def test_every_dag_is_read_without_error(dagbag: dict[str, Any]) -> None:
    assert dagbag["errors"] == {}
    assert set(dagbag["dags"]) == ALL


def test_a_dag_is_named_like_its_file(dagbag: dict[str, Any]) -> None:
    for name, dag in dagbag["dags"].items():
        if name in EXTRACTIONS:
            continue  # made by the factory in shared/; the files are checked below
        assert Path(dag["file"]).stem == name


def test_there_is_one_file_a_dag() -> None:
    folder = Path(__file__).resolve().parents[2] / "dags"
    assert {file.stem for file in folder.glob("*.py")} == ALL
    assert not list(folder.glob("dbt_*.py"))


def test_reading_the_dags_imports_nothing_heavy(dagbag: dict[str, Any]) -> None:
    assert dagbag["heavy"] == []


def test_every_dag_says_what_it_is_for(dagbag: dict[str, Any]) -> None:
    for name, dag in dagbag["dags"].items():
        assert dag["tags"], name
        assert f"### {name}" in dag["doc"], name
        assert dag["catchup"] is False, name
        assert dag["max_active_runs"] <= 2, name


def test_every_task_has_an_owner_a_timeout_and_someone_to_tell(dagbag: dict[str, Any]) -> None:
    for name, task in tasks_of(dagbag):
        where = f"{name}.{task['id']}"
        assert task["owner"] == "data-engineering", where
        assert task["timeout"], where
        assert task["callback"], where
        assert task["backoff"], where
        assert task["policy"], where


def test_work_is_tried_again(dagbag: dict[str, Any]) -> None:
    without = {f"{name}.{t['id']}" for name, t in tasks_of(dagbag) if not t["retries"]}
    # Recording an event and waiting are not work that can be lost.
    assert without == {f"{name}.record_partition" for name in EXTRACTIONS} | {
        "watch_publication.wait_for_publication"
    }


def test_extractions_are_partitioned_by_business_day(dagbag: dict[str, Any]) -> None:
    for name in EXTRACTIONS:
        dag = dagbag["dags"][name]
        assert dag["timetable"] == "CronPartitionTimetable"
        recorded = dag["tasks"]["record_partition"]
        assert recorded["outlets"] == [f"raw_{name.removeprefix('extract_')}"]
        # Two events of one day in the same instant would lose the build (operations/airflow.py).
        assert recorded["pool"] == "partition_events"
        assert before(dag["tasks"], "record_partition") == set(dag["tasks"]) - {"record_partition"}


def test_only_configured_sources_get_a_task(dagbag: dict[str, Any]) -> None:
    assert set(dagbag["dags"]["extract_orders"]["tasks"]) == {
        "extract_shop",
        "plan_archive",
        "extract_archive",
        "extract_archive_part",
        "complete_archive",
        "record_partition",
    }
    assert set(dagbag["dags"]["extract_tickets"]["tasks"]) == {"record_partition"}


def test_a_parallel_source_has_a_task_for_each_part(dagbag: dict[str, Any]) -> None:
    tasks = dagbag["dags"]["extract_orders"]["tasks"]
    assert [name for name, task in tasks.items() if task["mapped"]] == ["extract_archive_part"]
    assert tasks["extract_archive_part"]["upstream"] == ["plan_archive"]
    assert tasks["extract_archive"]["upstream"] == ["plan_archive"]
    # The day is landed when all parts are. Without parts it is skipped, and the day goes on.
    assert tasks["complete_archive"]["upstream"] == ["extract_archive_part", "plan_archive"]
    assert tasks["complete_archive"]["rule"] == "all_success"
    recorded = tasks["record_partition"]
    assert recorded["rule"] == "none_failed"
    assert recorded["upstream"] == ["complete_archive", "extract_archive", "extract_shop"]


def test_publishing_lies_behind_both_checks(dagbag: dict[str, Any]) -> None:
    tasks = dagbag["dags"]["build_customer_marts"]["tasks"]
    assert {"begin_run", "check_arrivals", "build_marts", "check_candidate"} <= before(
        tasks, "publish"
    )
    assert {"check_arrivals", "classify_texts"} <= before(tasks, "build_foundation")
    assert "build_foundation" in before(tasks, "fit_scores")
    assert "fit_scores" in before(tasks, "build_marts")
    assert "build_marts" in before(tasks, "check_candidate")
    outlets = {name for name, task in tasks.items() if task["outlets"]}
    assert outlets == {"publish"}


def test_the_build_waits_for_partitions_and_the_lists_for_the_marts(
    dagbag: dict[str, Any],
) -> None:
    for name in ("build_customer_marts", "deliver_outreach_lists"):
        assert dagbag["dags"][name]["timetable"] == "PartitionedAssetTimetable"


def test_the_alarm_does_not_depend_on_the_build(dagbag: dict[str, Any]) -> None:
    watch = dagbag["dags"]["watch_publication"]
    assert watch["deadline"]
    assert watch["timetable"] == "CronPartitionTimetable"
