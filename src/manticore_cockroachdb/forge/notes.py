"""The comments of a pull or merge request, over the API of GitHub or GitLab.

Both have the same three calls, list, write and change, with other names; `Notes` knows the names.
Sources: GitHub, REST API "Issue comments"; GitLab, API "Notes".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

PAGE = 100
TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Notes:
    """Where the comments of one request are. ``change`` is where one is changed, by its id."""

    list: str
    change: str
    verb: str
    headers: Mapping[str, str]

    def put(self, mark: str, text: str) -> str:
        """Write the comment that begins with a mark, or change the one that does; return which.

        Raises HTTPError.
        """
        for note in self._all():
            if str(note.get("body", "")).startswith(mark):
                if str(note["body"]).strip() == text.strip():
                    return "unchanged"
                self._send(self.verb, f"{self.change}/{note['id']}", {"body": text})
                return "updated"
        self._send("POST", self.list, {"body": text})
        return "written"

    def _all(self) -> Iterator[dict[str, Any]]:
        page = 1
        while True:
            found = self._send("GET", f"{self.list}?per_page={PAGE}&page={page}", None)
            yield from found
            if len(found) < PAGE:
                return
            page += 1

    def _send(self, method: str, url: str, data: Mapping[str, str] | None) -> Any:
        body = None if data is None else json.dumps(data).encode()
        headers = {**self.headers, "Content-Type": "application/json"}
        with urlopen(Request(url, body, headers, method=method), timeout=TIMEOUT) as answer:
            return json.loads(answer.read() or b"null")


def notes_of(environ: Mapping[str, str]) -> Notes | None:
    """The comments of the request that a job runs for; None where it runs for none, or no token
    is given."""
    if environ.get("GITHUB_ACTIONS") and environ.get("GITHUB_TOKEN"):
        number = _pull_request(environ).get("number")
        if number is None:
            return None
        base = f"{environ['GITHUB_API_URL']}/repos/{environ['GITHUB_REPOSITORY']}/issues"
        headers = {
            "Authorization": f"Bearer {environ['GITHUB_TOKEN']}",
            "Accept": "application/vnd.github+json",
        }
        return Notes(f"{base}/{number}/comments", f"{base}/comments", "PATCH", headers)
    if environ.get("GITLAB_CI") and environ.get("GITLAB_TOKEN"):
        request = environ.get("CI_MERGE_REQUEST_IID")
        if not request:
            return None
        base = (
            f"{environ['CI_API_V4_URL']}/projects/{environ['CI_PROJECT_ID']}"
            f"/merge_requests/{request}/notes"
        )
        return Notes(base, base, "PUT", {"PRIVATE-TOKEN": environ["GITLAB_TOKEN"]})
    return None


def commit_of(environ: Mapping[str, str]) -> str:
    """The commit that a job is about: of a pull request its head, not the merge to be tried."""
    head = _pull_request(environ).get("head") or {}
    return str(head.get("sha") or environ.get("GITHUB_SHA") or environ.get("CI_COMMIT_SHA") or "")


def _pull_request(environ: Mapping[str, str]) -> dict[str, Any]:
    path = environ.get("GITHUB_EVENT_PATH")
    if not path or not Path(path).is_file():
        return {}
    event = json.loads(Path(path).read_text(encoding="utf-8"))
    return event.get("pull_request") or {}


def refused(error: HTTPError) -> bool:
    """Whether writing is not allowed here: a token that may only read, as in a fork's job."""
    return error.code in (401, 403, 404)
