"""What the package promises around its code: two commands, a lock, an image, a compose file."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("uv.lock", "benchmarks/peers/uv.lock")
README_COMMANDS = ["make demo", "make test"]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def versioned_files() -> list[str]:
    """Every file git has or would take, by its path from the top."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def versioned_text() -> list[tuple[str, str]]:
    """Path and text of every file in git that is text; this file names what it forbids."""
    found = []
    for name in versioned_files():
        content = (ROOT / name).read_bytes()
        if b"\0" not in content and (ROOT / name) != Path(__file__).resolve():
            found.append((name, content.decode("utf-8", errors="replace")))
    return found


# --- the two commands --------------------------------------------------------------------------


def commands_in(markdown: str) -> list[str]:
    """Shell lines of the fenced blocks, without prompts, comments, and getting the code."""
    commands = []
    for block in re.findall(r"```(?:sh|bash|shell|console)\n(.*?)```", markdown, re.DOTALL):
        for line in block.splitlines():
            command = line.removeprefix("$ ").split("  #")[0].strip()
            if command and not command.startswith(("#", "git clone", "cd ")):
                commands.append(command)
    return commands


def test_readme_opens_with_the_two_commands() -> None:
    assert commands_in(read("README.md"))[:2] == README_COMMANDS


def test_ci_ends_by_calling_the_readmes_test_command() -> None:
    lines = [line for line in read(".ci/run").splitlines() if line and not line.startswith("#")]
    assert lines[-1] == README_COMMANDS[1]
    assert os.access(ROOT / ".ci/run", os.X_OK)


@pytest.mark.parametrize("command", [*README_COMMANDS, "make lint", "make setup"])
def test_make_knows_the_target(command: str) -> None:
    planned = subprocess.run(
        [*command.split(), "--dry-run", "--no-print-directory"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert planned.returncode == 0, planned.stderr
    assert "deploy/setup.sh" in planned.stdout


# --- dependencies ------------------------------------------------------------------------------


def requirement_set(requirements: list[str]) -> set[str]:
    return {str(Requirement(text)).lower() for text in requirements}


def locked_requirement(entry: dict[str, Any]) -> str:
    extras = f"[{','.join(entry['extras'])}]" if "extras" in entry else ""
    # The marker of an extra is the table it stands in, not part of what pyproject.toml says.
    marker = re.sub(r"( and )?extra == '[^']+'", "", entry.get("marker", ""))
    suffix = f" ; {marker}" if marker else ""
    return f"{entry['name']}{extras}{entry.get('specifier', '')}{suffix}"


def test_lock_is_in_step_with_pyproject() -> None:
    pyproject = tomllib.loads(read("pyproject.toml"))
    lock = tomllib.loads(read("uv.lock"))
    [package] = [p for p in lock["package"] if p["name"] == pyproject["project"]["name"]]
    asked = list(pyproject["project"]["dependencies"])
    for extra in pyproject["project"]["optional-dependencies"].values():
        asked += extra
    locked = [locked_requirement(entry) for entry in package["metadata"]["requires-dist"]]
    assert requirement_set(locked) == requirement_set(asked)
    groups = package["metadata"]["requires-dev"]
    for group, requirements in pyproject["dependency-groups"].items():
        in_lock = [locked_requirement(entry) for entry in groups[group]]
        assert requirement_set(in_lock) == requirement_set(requirements)


def test_every_locked_file_has_a_hash() -> None:
    packages = tomllib.loads(read("uv.lock"))["package"]
    files = [
        f for p in packages for f in [*p.get("wheels", []), *([p["sdist"]] if "sdist" in p else [])]
    ]
    assert len(files) > len(packages)
    assert [f["url"] for f in files if not f.get("hash", "").startswith("sha256:")] == []


def test_image_and_makefile_pin_the_same_uv() -> None:
    makefile = re.search(r"^UV_VERSION := (\S+)$", read("Makefile"), re.MULTILINE)
    image = re.search(r"^ARG UV_VERSION=(\S+)$", read("Dockerfile"), re.MULTILINE)
    assert makefile
    assert image
    assert makefile[1] == image[1]


def test_setup_accepts_the_pythons_the_package_asks_for() -> None:
    asked = tomllib.loads(read("pyproject.toml"))["project"]["requires-python"]
    bounds = re.search(
        r"\((\d+), (\d+)\) <= sys\.version_info\[:2\] <= \((\d+), (\d+)\)", read("deploy/setup.sh")
    )
    assert bounds
    low, high = (int(bounds[1]), int(bounds[2])), (int(bounds[3]), int(bounds[4]))
    assert asked == f">={low[0]}.{low[1]},<{high[0]}.{high[1] + 1}"


# --- what is in git ----------------------------------------------------------------------------


def test_no_file_names_a_path_of_a_machine() -> None:
    machine_path = re.compile(r"(?<![\w.$}~/-])/(?:root|work|home|Users)/[\w.]+")
    hits = [
        f"{name}: {hit[0]}"
        for name, text in versioned_text()
        if name not in LOCKS
        for hit in [machine_path.search(text)]
        if hit
    ]
    assert hits == []


def test_no_file_names_a_package_registry() -> None:
    registry = re.compile(
        r"pypi\.org/simple|pythonhosted\.org|(?:extra-)?index-url|INDEX_URL|find-links|"
        r"deb\.debian\.org|registry\.npmjs|snapshot\.debian",
        re.IGNORECASE,
    )
    hits = [name for name, text in versioned_text() if name not in LOCKS and registry.search(text)]
    assert hits == []


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_the_public_index_only(lock: str) -> None:
    hosts = set(re.findall(r"https?://([^/\"]+)/", read(lock)))
    assert hosts == {"pypi.org", "files.pythonhosted.org"}


@pytest.mark.parametrize("name", [".ci/run", "deploy/entrypoint.sh", "deploy/init.sh"])
def test_script_parses_and_can_be_executed(name: str) -> None:
    shell = read(name).splitlines()[0].split()[-1].removeprefix("#!").rsplit("/", 1)[-1]
    checked = subprocess.run([shell, "-n", str(ROOT / name)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert os.access(ROOT / name, os.X_OK)


def test_hooks_come_from_this_repository() -> None:
    repositories = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    assert [r["repo"] for r in repositories] == ["local"]
    for hook in repositories[0]["hooks"]:
        assert hook["entry"].startswith(".venv/bin/"), hook["id"]


def test_every_marker_is_declared() -> None:
    ini = configparser.ConfigParser()
    ini.read_string(read("pytest.ini"))
    assert "--strict-markers" in ini["pytest"]["addopts"]
    assert {m.split(":")[0] for m in ini["pytest"]["markers"].split("\n") if m} >= {
        "e2e",
        "slow",
        "acceptance",
    }


# --- the image ---------------------------------------------------------------------------------


def test_image_runs_as_an_unprivileged_user_by_number() -> None:
    users = re.findall(r"^USER (.+)$", read("Dockerfile"), re.MULTILINE)
    assert users
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


def test_image_holds_no_secret_and_is_probed() -> None:
    dockerfile = read("Dockerfile")
    settings = re.findall(r"^(?:ENV |ARG |\s+)(\w+)=", dockerfile, re.MULTILINE)
    assert settings
    assert [s for s in settings if re.search("PASSWORD|SECRET|TOKEN|_KEY", s)] == []
    assert re.search(r"^HEALTHCHECK ", dockerfile, re.MULTILINE)
    assert re.search(r"^ADD ", dockerfile, re.MULTILINE) is None


def test_build_context_holds_no_environment_file() -> None:
    ignored = read(".dockerignore").splitlines()
    assert ignored[ignored.index("*") + 1].startswith("!")
    assert not {"!.env", "!.", "!.git"} & set(ignored)
    assert "deploy/*.env" in ignored


# --- docker-compose.yml --------------------------------------------------------------------------


COMPOSE: dict[str, Any] = yaml.safe_load(read("docker-compose.yml"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {"airflow-init"}
SECRET_NAME = re.compile("PASSWORD|SECRET|TOKEN|_KEY|_CONN$|_URL$")
REQUIRED_VARIABLE = re.compile(r"\$\{\w+:\?[^}]+\}")
each_service = pytest.mark.parametrize("name", sorted(SERVICES))


def test_compose_has_the_services_of_a_server() -> None:
    assert set(SERVICES) == {
        "postgres",
        "airflow-init",
        "api-server",
        "scheduler",
        "dag-processor",
        "triggerer",
    }


@each_service
def test_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert str(service["user"]).split(":")[0] not in {"", "0", "root"}
    assert "privileged" not in service
    assert "cap_add" not in service
    assert service.get("network_mode") != "host"
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not any("docker.sock" in str(volume) for volume in service["volumes"])


@each_service
def test_service_is_restarted_and_probed(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOT:
        assert service["restart"] == "on-failure"
        assert service["healthcheck"] == {"disable": True}
        return
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])


@each_service
def test_service_starts_after_what_it_needs(name: str) -> None:
    needs = {other: how["condition"] for other, how in SERVICES[name].get("depends_on", {}).items()}
    expected = {} if name == "postgres" else {"postgres": "service_healthy"}
    if name not in ONE_SHOT | {"postgres"}:
        expected["airflow-init"] = "service_completed_successfully"
    assert expected.items() <= needs.items()


@each_service
def test_service_publishes_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("${BIND_ADDRESS:-127.0.0.1}:"), port


@each_service
def test_service_takes_secrets_from_the_environment(name: str) -> None:
    for key, value in SERVICES[name]["environment"].items():
        if not SECRET_NAME.search(key) or key.endswith(("BASE_URL", "SERVER_URL")):
            continue
        if key == "MOSHTARI_AIRFLOW_URL":
            assert "@" not in value, "the login stands apart from the address"
            continue
        if key.endswith(("_CONN", "_URL")):
            assert re.search(r"//\w+:\$\{\w+:\?[^}]+\}@", value), f"{key} holds a literal password"
        else:
            assert REQUIRED_VARIABLE.fullmatch(value), f"{key} is not a required variable"


@each_service
def test_service_reads_its_sources_and_never_writes_them(name: str) -> None:
    for volume in SERVICES[name]["volumes"]:
        if isinstance(volume, str):
            assert volume.endswith(":ro"), volume
        elif volume["type"] == "bind":
            assert volume["read_only"] is True
        else:
            assert volume["source"] in COMPOSE["volumes"]


def test_example_environment_names_what_compose_reads() -> None:
    settings = re.findall(r"^(\w+)=(.*)$", read(".env.example"), re.MULTILINE)
    assert {key for key, _ in settings} == set(re.findall(r"\$\{(\w+)", read("docker-compose.yml")))
    required = set(re.findall(r"\$\{(\w+):\?", read("docker-compose.yml")))
    assert {key for key, value in settings if value == "change-me"} == required


def test_generated_environment_has_a_fresh_secret_for_each_placeholder(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text(read(".env.example"), encoding="utf-8")
    script = ["sh", str(ROOT / "deploy/make_env.sh")]
    subprocess.run(script, cwd=tmp_path, check=True, capture_output=True)
    first = (tmp_path / ".env").read_text(encoding="utf-8")
    values = dict(re.findall(r"^(\w+)=(.*)$", first, re.MULTILINE))
    example = dict(re.findall(r"^(\w+)=(.*)$", read(".env.example"), re.MULTILINE))
    fresh = [values[key] for key, value in example.items() if value == "change-me"]
    assert len(set(fresh)) == len(fresh)
    assert all(len(value) >= 40 for value in fresh)
    assert {k: v for k, v in values.items() if example[k] != "change-me"} == {
        k: v for k, v in example.items() if v != "change-me"
    }
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    again = subprocess.run(script, cwd=tmp_path, capture_output=True)
    assert again.returncode == 1
    assert (tmp_path / ".env").read_text(encoding="utf-8") == first


def test_container_refuses_a_secret_left_as_in_the_example() -> None:
    script = [str(ROOT / "deploy/entrypoint.sh"), "echo", "started"]
    safe = {"PATH": os.environ["PATH"], "AIRFLOW__CORE__FERNET_KEY": "fresh"}
    started = subprocess.run(script, env=safe, capture_output=True, text=True)
    assert (started.returncode, started.stdout) == (0, "started\n")
    unsafe = safe | {"MOSHTARI_DATABASE_URL": "postgresql://moshtari:change-me@postgres/moshtari"}
    refused = subprocess.run(script, env=unsafe, capture_output=True, text=True)
    assert refused.returncode == 78
    assert "MOSHTARI_DATABASE_URL" in refused.stderr
    assert refused.stdout == ""
