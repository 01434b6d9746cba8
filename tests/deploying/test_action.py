"""The GitHub Action and the GitLab template: held against their schemas, and their steps run as
they stand there, with an API on loopback in place of the forge's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from manticore_cockroachdb.cli.index import Exit
from manticore_cockroachdb.forge.comment import SHOWN, comment, mark
from manticore_cockroachdb.forge.notes import notes_of

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
WORKFLOWS = [*(ROOT / ".github" / "workflows").glob("*.yml"), *ROOT.glob("deploy/github/*.yml")]
bash = pytest.mark.skipif(sys.platform == "win32", reason="the steps are scripts for bash")


class Forge:
    """The comments of one request, behind the API of GitHub or of GitLab."""

    def __init__(self) -> None:
        self.notes: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str]] = []
        self.tokens: set[str] = set()
        self.refuse = 0
        forge = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                data = json.loads(self.rfile.read(size) or b"null")
                code, found = forge.answer(self.command, self.path, data)
                forge.tokens.add(
                    self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or ""
                )
                body = json.dumps(found).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_PUT = answer

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, method: str, path: str, data: Any) -> tuple[int, Any]:
        self.calls.append((method, path.partition("?")[0]))
        if self.refuse and method != "GET":
            return self.refuse, {"message": "Resource not accessible by integration"}
        if method == "GET":
            asked = dict(part.split("=") for part in path.partition("?")[2].split("&"))
            size, page = int(asked["per_page"]), int(asked["page"])
            return 200, self.notes[size * (page - 1) : size * page]
        if method == "POST":
            self.notes.append({"id": len(self.notes) + 1, "body": data["body"]})
            return 201, self.notes[-1]
        number = int(path.rpartition("/")[2])
        self.notes[number - 1]["body"] = data["body"]
        return 200, self.notes[number - 1]


@pytest.fixture
def forge() -> Iterator[Forge]:
    found = Forge()
    yield found
    found.server.shutdown()
    found.server.server_close()


# --- their form -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-actions", [ROOT / "action.yml"]),
        ("github-workflows", WORKFLOWS),
        ("gitlab-ci", [ROOT / "deploy" / "gitlab" / "manticore.gitlab-ci.yml"]),
    ],
)
def test_the_platforms_take_them(schema: str, files: list[Path]) -> None:
    assert files
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *files],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def steps() -> list[dict[str, Any]]:
    return [step for step in ACTION["runs"]["steps"] if "run" in step]


def test_no_input_becomes_a_part_of_a_script() -> None:
    for step in steps():
        assert "${{" not in step["run"], step["name"]


def test_every_input_is_used_and_declared() -> None:
    text = (ROOT / "action.yml").read_text()
    used = set(re.findall(r"inputs\.([\w-]+)", text))
    assert used == set(ACTION["inputs"])
    example = yaml.safe_load((ROOT / "deploy" / "github" / "migrations.yml").read_text())
    for job in example["jobs"].values():
        for step in job["steps"]:
            if step["uses"].startswith("manticore-tech/"):
                assert set(step["with"]) <= used
    assert "pull_request_target" not in example[True], "`on`, as YAML 1.1 reads it"


def test_actions_of_others_are_pinned_by_a_whole_version() -> None:
    """A tag such as v4 moves; whoever moves it runs code with our rights."""
    for path in (ROOT / "action.yml", *WORKFLOWS):
        for name in re.findall(r"uses:\s*(\S+)", path.read_text()):
            assert re.search(r"@(v\d+\.\d+\.\d+|[0-9a-f]{40})$", name), f"{path.name}: {name}"


# --- the steps --------------------------------------------------------------------------------


class Runner:
    """Runs steps of the action as a runner would, in a directory of its own."""

    def __init__(self, root: Path, **environ: str) -> None:
        self.root = root
        (root / "migrations").mkdir()
        programs = root / "temp" / "manticore" / "bin"
        programs.mkdir(parents=True)
        for name, module in (("manticore", "manticore_cockroachdb"), ("python", "")):
            script = f'#!/bin/sh\nexec "{sys.executable}" {f"-m {module} " if module else ""}"$@"\n'
            (programs / name).write_text(script)
            (programs / name).chmod(0o755)
        (root / "event.json").write_text("{}")
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "RUNNER_TEMP": str(root / "temp"),
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(root / "output"),
            "GITHUB_STEP_SUMMARY": str(root / "summary"),
            "GITHUB_EVENT_PATH": str(root / "event.json"),
            "GITHUB_REPOSITORY": "acme/app",
            **{k: v for k, v in os.environ.items() if k.startswith("MANTICORE_COCKROACH")},
            **environ,
        }

    def write(self, name: str, text: str) -> None:
        (self.root / "migrations" / name).write_text(text)

    def run(self, name: str, **inputs: str) -> subprocess.CompletedProcess[str]:
        """Run the step of that name."""
        given = {key: str(one.get("default", "")) for key, one in ACTION["inputs"].items()}
        given |= {key.replace("_", "-"): value for key, value in inputs.items()}
        (step,) = [one for one in steps() if one["name"] == name]
        variables = {
            key: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: given[m[1]], text)
            for key, text in step.get("env", {}).items()
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.root,
            env=self.environ | variables,
            capture_output=True,
            text=True,
            timeout=120,
        )


@bash
def test_lint_annotates(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    runner.write("1_t.sql", "CREATE TABLE t (id INT8 PRIMARY KEY);\n-- @UNDO\nDROP TABLE t;\n")
    assert runner.run("Lint").returncode == 0
    runner.write("2_x.sql", "ALTER TABLE t DROP COLUMN id;\n")
    done = runner.run("Lint", target="postgresql:17")
    assert done.returncode == Exit.FINDINGS, done.stdout + done.stderr
    assert "file=migrations/2_x.sql,line=1" in done.stdout


@bash
def test_lint_reports_on_what_a_branch_changes(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    runner.write("1_t.sql", "ALTER TABLE t DROP COLUMN a;\n")
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.com"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    assert runner.run("Lint", base="HEAD").returncode == 0
    runner.write("2_x.sql", "ALTER TABLE t DROP COLUMN b;\n")
    done = runner.run("Lint", base="HEAD")
    assert done.returncode == Exit.FINDINGS
    assert "2_x.sql" in done.stdout and "1_t.sql" not in done.stdout


@bash
def test_a_name_stays_a_name(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    done = runner.run("Lint", dir="$(touch pwned)", target='"; touch pwned; "')
    assert done.returncode != 0
    assert not (tmp_path / "pwned").exists()


@bash
def test_the_plan_is_one_comment_kept_up_to_date(url: str, tmp_path: Path, forge: Forge) -> None:
    runner = Runner(tmp_path, GITHUB_API_URL=forge.url)
    event = {"pull_request": {"number": 7, "head": {"sha": "abcdef1234567890"}}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    forge.notes = [{"id": n, "body": "somebody else's"} for n in range(1, 151)]  # two pages
    runner.write("1_t.sql", "CREATE TABLE t (id INT8 PRIMARY KEY);\n")
    done = runner.run("Plan", url=url, token="secret")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(forge.notes) == 151
    body = forge.notes[-1]["body"]
    assert body.startswith(mark("migrations"))
    assert "### Migrations: migrations to apply" in body
    assert "- CREATE TABLE t" in body and "For abcdef123456;" in body
    database = url.partition("?")[0].rpartition("/")[2]
    assert database not in body, "where the database is, is nobody's business"
    assert forge.tokens == {"Bearer secret"}
    runner.write("2_u.sql", "CREATE TABLE u (id INT8 PRIMARY KEY);\n")
    assert runner.run("Plan", url=url, token="secret").returncode == 0
    assert len(forge.notes) == 151 and "CREATE TABLE u" in forge.notes[-1]["body"]
    calls = len(forge.calls)
    assert "comment: unchanged" in runner.run("Plan", url=url, token="secret").stdout
    assert all(method == "GET" for method, _ in forge.calls[calls:])
    # Another environment is another comment.
    assert runner.run("Plan", url=url, token="secret", env="staging").returncode == 0
    assert len(forge.notes) == 152
    assert {path for _, path in forge.calls} == {
        "/repos/acme/app/issues/7/comments",
        "/repos/acme/app/issues/comments/151",
    }
    assert "code=3\ndangerous=false\n" in (tmp_path / "output").read_text()
    assert "### Migrations: migrations to apply" in (tmp_path / "summary").read_text()


@bash
def test_a_plan_that_cannot_be_made_fails_and_says_so(
    url: str, tmp_path: Path, forge: Forge
) -> None:
    runner = Runner(tmp_path, GITHUB_API_URL=forge.url)
    (tmp_path / "event.json").write_text('{"pull_request": {"number": 7}}')
    runner.write("1_t.sql", "CREATE TABEL t (id INT8);\n-- @UNDO\n-- @UNDO\n")
    done = runner.run("Plan", url=url)
    assert done.returncode == Exit.ERROR
    (note,) = forge.notes
    assert "there is no plan" in note["body"] and "1_t.sql" in note["body"]


@bash
def test_where_it_may_not_be_written(url: str, tmp_path: Path, forge: Forge) -> None:
    """The job of a fork: a token that only reads, or no secret at all."""
    runner = Runner(tmp_path, GITHUB_API_URL=forge.url)
    (tmp_path / "event.json").write_text('{"pull_request": {"number": 7}}')
    runner.write("1_t.sql", "CREATE TABLE t (id INT8 PRIMARY KEY);\n")
    forge.refuse = 403
    done = runner.run("Plan", url=url)
    assert done.returncode == 0 and "not allowed here (403)" in done.stderr
    assert "CREATE TABLE t" in done.stdout
    assert "::notice::no plan" in runner.run("Plan").stdout
    (tmp_path / "event.json").write_text("{}")  # a push
    assert "comment: none" in runner.run("Plan", url=url).stdout


@bash
def test_dangerous_changes_can_fail(tmp_path: Path) -> None:
    assert Runner(tmp_path).run("Dangerous changes").returncode == Exit.DANGEROUS
    (step,) = [one for one in steps() if one["name"] == "Dangerous changes"]
    assert "inputs.fail-on-dangerous == 'true'" in step["if"]


@bash
def test_verify_and_drift(url: str, tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    runner.write("1_t.sql", "CREATE TABLE t (id INT8 PRIMARY KEY);\n-- @UNDO\nDROP TABLE t;\n")
    done = runner.run("Verify", url=url)
    assert done.returncode == 0, done.stdout + done.stderr
    program = [sys.executable, "-m", "manticore_cockroachdb"]
    subprocess.run([*program, "migrate", "--url", url], cwd=tmp_path, check=True)
    assert runner.run("Drift", url=url).returncode == 0
    from manticore_cockroachdb import Database

    db = Database.from_url(url)
    db.execute("CREATE TABLE by_hand (id INT8 PRIMARY KEY)")
    db.close()
    done = runner.run("Drift", url=url)
    assert done.returncode == Exit.FINDINGS
    assert "by_hand" in (tmp_path / "summary").read_text()
    assert runner.run("Drift", url=url, ignore="nothing.* *by_hand*").returncode == 0


def test_gitlab(url: str, tmp_path: Path, forge: Forge) -> None:
    """Its plan, as the template's script calls it."""
    template = yaml.safe_load((ROOT / "deploy" / "gitlab" / "manticore.gitlab-ci.yml").read_text())
    (script,) = template["manticore:plan"]["script"]
    runner = Runner(tmp_path)
    runner.write("1_t.sql", "CREATE TABLE t (id INT8 PRIMARY KEY);\n")
    environ = {k: v for k, v in runner.environ.items() if not k.startswith("GITHUB")}
    environ |= {
        "GITLAB_CI": "true",
        "GITLAB_TOKEN": "secret",
        "CI_API_V4_URL": f"{forge.url}/api/v4",
        "CI_PROJECT_ID": "12",
        "CI_MERGE_REQUEST_IID": "3",
        "CI_COMMIT_SHA": "0123456789abcdef",
        "MIGRATIONS_READ_URL": url,
        "MANTICORE_DIR": template["variables"]["MANTICORE_DIR"],
        "PATH": f"{runner.environ['RUNNER_TEMP']}/manticore/bin:{os.environ['PATH']}",
    }
    for _ in range(2):
        runner.write("2_u.sql", f"CREATE TABLE u{_} (id INT8 PRIMARY KEY);\n")
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    (note,) = forge.notes
    assert "CREATE TABLE u1" in note["body"]
    assert ("PUT", "/api/v4/projects/12/merge_requests/3/notes/1") in forge.calls
    assert forge.tokens == {"secret"}


# --- the text ---------------------------------------------------------------------------------


def test_what_a_plan_says_cannot_leave_its_block() -> None:
    plan = "database   x\ndirectory  y\n\n3 evil ````\n@everyone <!-- manticore"
    text = comment("migrations", plan, Exit.PENDING)
    assert "database   x" not in text
    lines = text.splitlines()
    assert lines[3] == "`````text" and lines[-1] == "`````"
    assert mark("a --> b\n<script>").count("-->") == 1


def test_a_long_plan_is_cut() -> None:
    plan = "database\n\n" + "line\n" * SHOWN
    text = comment("migrations", plan, Exit.PENDING)
    assert len(text) < 65_536
    assert "The rest of the plan is in the log" in text


def test_an_empty_plan() -> None:
    text = comment("migrations", "database\n\nNothing to do.\n", Exit.OK)
    assert "### Migrations: nothing to apply" in text


def test_no_forge_no_notes() -> None:
    assert notes_of({}) is None
    assert notes_of({"GITLAB_CI": "true", "GITLAB_TOKEN": "x"}) is None
