"""`deploy/`: rendered by Helm itself, held against the platforms' own schemas and against the traps
that docs/deploying.md names; the commands in them run as they stand there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from manticore_cockroachdb.cli import main
from manticore_cockroachdb.cli.durations import seconds
from manticore_cockroachdb.cli.index import EXIT_CODES, Exit

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "manticore"
HELM_TIMEOUT = 300  # what `helm upgrade --timeout` is unless told otherwise
IMAGE = {"image": {"repository": "registry.example.com/app", "tag": "1.2.3"}}
KUBERNETES = ("1.31", "1.37")


def rendered(**values: Any) -> dict[str, Any]:
    """The chart's Job, as Helm renders it."""
    chart = pytest.importorskip("helm_python.chart", reason="Helm's library is only for Linux")
    return yaml.safe_load(
        chart.Chart.load(str(CHART)).render(IMAGE | values)["manticore/templates/job.yaml"]
    )


def plain(path: str) -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / path).read_text())


JOBS = ("kubernetes/job.yaml", "argocd/presync.yaml", "argocd/wave.yaml", "helm")


def job(name: str) -> dict[str, Any]:
    return rendered() if name == "helm" else plain(name)


def pods() -> Iterator[dict[str, Any]]:
    for name in JOBS:
        yield job(name)["spec"]["template"]["spec"]
    yield plain("kubernetes/deployment.yaml")["spec"]["template"]["spec"]


def containers() -> Iterator[dict[str, Any]]:
    for pod in pods():
        yield from pod.get("initContainers", ())
        yield from pod["containers"]


def ours() -> list[list[str]]:
    """The arguments of every container that runs manticore."""
    found = [one["args"] for one in containers() if one.get("command") == ["manticore"]]
    for one in plain("compose/compose.yaml")["services"].values():
        if one.get("command", [""])[0] == "manticore":
            found.append(one["command"][1:])
    return found


def option(args: list[str], name: str) -> str:
    return args[args.index(name) + 1]


# --- the platforms' own schemas ---------------------------------------------------------------


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_them(tmp_path: Path, version: str) -> None:
    (tmp_path / "helm.yaml").write_text(yaml.safe_dump(rendered()))
    full = rendered(
        environment="production",
        args=["--finish-backfills"],
        imagePullSecrets=[{"name": "pull"}],
        nodeSelector={"disk": "ssd"},
        tolerations=[{"key": "spot", "operator": "Exists"}],
        extraEnv=[{"name": "MANTICORE_LEASE_TTL", "value": "20"}],
    )
    (tmp_path / "full.yaml").write_text(yaml.safe_dump(full))
    files = [*DEPLOY.glob("kubernetes/*.yaml"), *DEPLOY.glob("argocd/*.yaml")]
    assert len(files) == 4
    checker = [sys.executable, "-m", "kubernetes_validate", "-k", version, "--strict"]
    done = subprocess.run(
        [*checker, *map(str, files), *map(str, tmp_path.glob("*.yaml"))],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("passed") == 6
    container = full["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == ["migrate", "--deadline", "240s", "--finish-backfills"]
    assert [one["name"] for one in container["env"]] == [
        "DATABASE_URL",
        "MANTICORE_ENV",
        "MANTICORE_LEASE_TTL",
    ]


def test_the_checks_notice_a_mistake(tmp_path: Path) -> None:
    wrong = job("kubernetes/job.yaml")
    wrong["spec"]["activeDeadlineSecond"] = 3
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(wrong))
    checker = [sys.executable, "-m", "kubernetes_validate", "--strict"]
    done = subprocess.run([*checker, str(tmp_path / "wrong.yaml")], capture_output=True, text=True)
    assert done.returncode != 0


def test_helm_lints_the_chart_and_refuses_wrong_values() -> None:
    chart = pytest.importorskip("helm_python.chart", reason="Helm's library is only for Linux")
    found = chart.lint(str(CHART), IMAGE, strict=True)
    assert not found["errors"], found
    errors = pytest.importorskip("helm_python.errors")
    loaded = chart.Chart.load(str(CHART))
    loaded.validate_schema(IMAGE)
    for wrong in ({}, IMAGE | {"deadlineSeconds": "4m"}, IMAGE | {"database": {"secret": ""}}):
        with pytest.raises(errors.HelmError):
            loaded.validate_schema(wrong)


def test_compose_takes_it() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"),
            str(DEPLOY / "compose" / "compose.yaml"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# --- the traps --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", JOBS)
def test_the_run_ends_before_the_platform_ends_it(name: str) -> None:
    """--deadline, and the time that stopping may take, below activeDeadlineSeconds."""
    found = job(name)
    pod = found["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    deadline = seconds(option(container["args"], "--deadline"))
    assert deadline is not None
    limit = found["spec"]["activeDeadlineSeconds"]
    grace = pod["terminationGracePeriodSeconds"]
    assert deadline + grace <= limit
    if name == "helm":
        assert limit < HELM_TIMEOUT


def test_the_charts_deadlines_move_together() -> None:
    found = rendered(deadlineSeconds=1800)
    assert found["spec"]["activeDeadlineSeconds"] == 1830
    args = found["spec"]["template"]["spec"]["containers"][0]["args"]
    assert option(args, "--deadline") == "1800s"


@pytest.mark.parametrize("name", JOBS)
def test_what_another_try_cannot_mend_ends_the_job(name: str) -> None:
    found = job(name)["spec"]
    assert found["template"]["spec"]["restartPolicy"] == "Never", "podFailurePolicy needs it"
    evicted, fatal = found["podFailurePolicy"]["rules"]
    assert evicted["action"] == "Ignore"
    assert fatal["action"] == "FailJob"
    exits = fatal["onExitCodes"]
    assert exits["containerName"] == found["template"]["spec"]["containers"][0]["name"]
    assert exits["values"] == [Exit.USAGE, Exit.PERSON, Exit.DEADLINE]
    assert set(exits["values"]) <= set(EXIT_CODES)
    assert found["backoffLimit"] > 0, "what is transient is tried again"


def test_hooks_leave_their_job_until_the_next_one() -> None:
    assert rendered()["metadata"]["annotations"] == {
        "helm.sh/hook": "pre-install,pre-upgrade",
        "helm.sh/hook-weight": "-5",
        "helm.sh/hook-delete-policy": "before-hook-creation",
    }
    for name, hook in (("presync", "PreSync"), ("wave", "Sync")):
        found = plain(f"argocd/{name}.yaml")
        annotations = found["metadata"]["annotations"]
        assert annotations["argocd.argoproj.io/hook"] == hook
        policy = annotations["argocd.argoproj.io/hook-delete-policy"]
        assert policy == "BeforeHookCreation"
        assert "ttlSecondsAfterFinished" not in found["spec"]
    assert "ttlSecondsAfterFinished" not in rendered()["spec"]
    wave = plain("argocd/wave.yaml")["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]
    assert int(wave) < 0


def test_a_long_release_name_fits_a_label() -> None:
    chart = pytest.importorskip("helm_python.chart", reason="Helm's library is only for Linux")
    text = chart.Chart.load(str(CHART)).render(IMAGE, name="r" * 53)
    found = yaml.safe_load(text["manticore/templates/job.yaml"])
    assert len(found["metadata"]["name"]) <= 63


def test_nothing_runs_as_root_or_writes() -> None:
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["automountServiceAccountToken"] is False
        assert pod["terminationGracePeriodSeconds"] >= 30
    for one in containers():
        context = one["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert one["resources"]["limits"]["memory"]


def test_passwords_come_from_secrets() -> None:
    for one in containers():
        for variable in one.get("env", ()):
            if variable["name"] == "DATABASE_URL":
                assert "secretKeyRef" in variable["valueFrom"]
        assert not any("://" in argument for argument in one.get("args", ()))


def test_a_rollout_outlives_the_wait_for_the_schema() -> None:
    found = plain("kubernetes/deployment.yaml")["spec"]
    (first,) = found["template"]["spec"]["initContainers"]
    (program,) = found["template"]["spec"]["containers"]
    timeout = seconds(option(first["args"], "--timeout"))
    assert timeout is not None and timeout < found["progressDeadlineSeconds"]
    assert first["image"] == program["image"], "its files say what the program needs"
    assert "manticore" not in str(program["readinessProbe"])


def test_compose_waits_for_the_end_of_the_migrations() -> None:
    services = plain("compose/compose.yaml")["services"]
    assert services["app"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert services["migrate"]["depends_on"]["db"]["condition"] == "service_healthy"
    assert services["migrate"]["restart"] == "no"


# --- the commands -----------------------------------------------------------------------------


def test_their_options_are_options(capsys: pytest.CaptureFixture[str]) -> None:
    commands = ours()
    assert len(commands) == 6
    for args in commands:
        assert main([*args, "--help"]) == 0, args
        capsys.readouterr()
    assert main(["migrate", "--deadlin", "1m", "--help"]) == 2


def test_job_and_init_container_side_by_side(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a cluster: Pods wait, the Job migrates, all end well."""
    (tmp_path / "migrations").mkdir()
    for n in (1, 2, 3):
        text = f"CREATE TABLE t{n} (id INT8 PRIMARY KEY);\n"
        (tmp_path / "migrations" / f"{n}_t{n}.sql").write_text(text)
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("MANTICORE_ENV", "production")
    program = [sys.executable, "-m", "manticore_cockroachdb"]
    (first,) = plain("kubernetes/deployment.yaml")["spec"]["template"]["spec"]["initContainers"]
    (run,) = rendered()["spec"]["template"]["spec"]["containers"]
    waiting = [
        subprocess.Popen(
            [*program, *first["args"]], cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    try:
        for one in waiting:
            assert one.stderr is not None
            assert "3 migrations, 1 to 3" in one.stderr.readline()
        done = subprocess.run([*program, *run["args"]], cwd=tmp_path, timeout=60)
        assert done.returncode == 0
        assert [one.wait(60) for one in waiting] == [0, 0, 0]
    finally:
        for one in waiting:
            one.kill()
            one.communicate()
