"""What no short rehearsal meets by itself: ages, quotas, switches, statuses, races."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from publisher.rehearsal.conditions import Settings
from publisher.rehearsal.names import NameRefusedError, check
from publisher.rehearsal.store import Store
from support.archives import make_wheel
from support.sandbox import (
    GITHUB,
    GITHUB_PUBLISHER,
    SIMPLE_JSON,
    Player,
    Sandbox,
    form,
    project_of,
    sdist,
    wheel,
)


@pytest.fixture
def token(shared: Sandbox) -> str:
    return shared.mint(shared.persona())


def user(sandbox: Sandbox) -> str:
    return str(sandbox.post("api-token", {}).json()["tokens"]["pypi"])


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return wheel(tmp_path, project_of(tmp_path))


def name_of(path: Path) -> str:
    return path.name.split("-")[0]


SWITCHES = [
    ({"read_only": True}, 403, "Read-only mode: Uploads are temporarily disabled."),
    ({"uploads": False}, 403, "New uploads are temporarily disabled. See http"),
    ({"file_limit": 3 * 1024**2 // 2}, 200, "OK"),
    ({"file_limit": 10}, 400, "File too large. Limit for project 'p"),
    ({"classifiers": ["A :: B"]}, 400, "'C :: D' is not a valid classifier. See"),
    ({"classifiers": ["A :: B", "C :: D"]}, 200, "OK"),
    (
        {"classifiers": [], "deprecated_classifiers": {"C :: D": ["E", "F"]}},
        400,
        "The classifier 'C :: D' has been deprecated, use one of ['E', 'F'] instead. See",
    ),
    (
        {"deprecated_classifiers": {"C :: D": []}},
        400,
        "The classifier 'C :: D' has been deprecated. See",
    ),
]


@pytest.mark.parametrize(("settings", "status", "text"), SWITCHES)
def test_switches(
    tuned: Sandbox, token: str, new: Path, settings: dict[str, Any], status: int, text: str
) -> None:
    assert tuned.post("index", {"name": "pypi", **settings}).status_code == 200
    answer = tuned.upload(token, new, form(new, classifiers=["C :: D"]))
    assert (answer.status_code, answer.reason[: len(text)]) == (status, text)


def test_a_closed_door_comes_before_the_identity(tuned: Sandbox, new: Path) -> None:
    tuned.post("index", {"read_only": True})
    assert tuned.upload("pypi-nothing", new).reason.startswith("Read-only mode")


STATES = [
    ({"status": "archived"}, 403, "The given token isn't allowed to upload to project 'p"),
    ({"status": "quarantined"}, 403, "The given token isn't allowed to upload to project 'p"),
    ({"organization_active": False}, 400, "Organization account owning this project is inactive."),
    ({"file_limit": 1}, 400, "File too large. Limit for project 'p"),
    ({"file_limit": 10**6}, 200, "OK"),
    ({"total_limit": 1}, 400, "Project size too large. Limit for project 'p"),
    ({"total_limit": 10**6}, 200, "OK"),
    ({"releases": {"1": {"age_days": 15}}}, 400, "Uploading new files to releases older than 14"),
    ({"releases": {"1.0": {"age_days": 13.9}}}, 200, "OK"),
    ({"releases": {"2.0": {"age_days": 15}}}, 200, "OK"),
]


@pytest.mark.parametrize(("state", "status", "text"), STATES)
def test_states(
    shared: Sandbox, token: str, new: Path, state: dict[str, Any], status: int, text: str
) -> None:
    asked = {"name": "pypi", "projects": {name_of(new).upper(): state}}
    assert shared.post("index", asked).status_code == 200
    answer = shared.upload(token, new)
    assert (answer.status_code, answer.reason[: len(text)]) == (status, text)


def test_users_read_it_differently(shared: Sandbox, new: Path) -> None:
    shared.post("index", {"projects": {name_of(new): {"status": "archived"}}})
    answer = shared.upload(user(shared), new)
    assert answer.reason.startswith("The user 'rehearsal' isn't allowed to upload to project 'p")


def test_what_is_shown_of_a_status(shared: Sandbox, token: str, new: Path) -> None:
    name = name_of(new)
    assert shared.upload(token, new).status_code == 200
    url = f"{shared.index}/simple/"
    for status, files in (("archived", 1), ("quarantined", 0), ("active", 1)):
        shared.post("index", {"projects": {name: {"status": status}}})
        value = shared.listing(name).json()
        assert value["project-status"] == {"status": status}
        assert len(value["files"]) == files
        assert f'project-status" content="{status}"' in shared.http.get(f"{url}{name}/").text
        names = shared.http.get(url, headers={"Accept": SIMPLE_JSON}).json()["projects"]
        assert ({"name": name} in names) == (status != "quarantined")


@pytest.mark.parametrize("there", [True, False])
def test_deleted_filenames(shared: Sandbox, token: str, new: Path, there: bool) -> None:
    if there:
        assert shared.upload(token, new).status_code == 200
    shared.post("index", {"projects": {name_of(new): {"deleted": [new.name]}}})
    assert shared.listing(name_of(new)).json()["files"] == []
    answer = shared.upload(token, new)
    text = "This filename was previously used by a file that has since been deleted. Use a "
    assert (answer.status_code, answer.reason[: len(text)]) == (400, text)


@pytest.mark.parametrize(("yanked", "shown"), [(True, ""), ("broken", "broken")])
def test_yanked(shared: Sandbox, token: str, new: Path, yanked: bool | str, shown: str) -> None:
    assert shared.upload(token, new).status_code == 200
    releases = {"1.0": {"yanked": yanked}}
    shared.post("index", {"projects": {name_of(new): {"releases": releases}}})
    assert shared.listing(name_of(new)).json()["files"][0]["yanked"] == yanked
    page = shared.http.get(f"{shared.index}/simple/{name_of(new)}/").text
    assert f'data-yanked="{shown}"' in page


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"name": "nobody"}, "name is an index's"),
        ({"projects": []}, "name is an index's"),
        ({"colour": 1}, "unknown settings: colour"),
        ({"read_only": 1}, "read_only is no bool"),
        ({"file_limit": True}, "file_limit is no int | None"),
        ({"attestations_field": "eat"}, "attestations_field is ignore or refuse"),
        ({"issuers": {"https://a.example": "b"}}, "issuers are of kind GitHub"),
        ({"projects": {"a": {"colour": 1}}}, "unknown state of a: colour"),
        ({"projects": {"a": {"status": "lost"}}}, "status is one of active"),
        ({"projects": {"a": {"deleted": "x"}}}, "deleted is no list[str]"),
        ({"projects": {"a": {"releases": {"1": 1}}}}, "1 is no dict"),
        ({"projects": {"a": {"releases": {"1": {"b": 1}}}}}, "unknown state of a 1: b"),
        ({"projects": {"a": {"releases": {"1": {"age_days": "x"}}}}}, "age_days is no float"),
    ],
)
def test_conditions_that_are_none(shared: Sandbox, asked: dict[str, Any], text: str) -> None:
    answer = shared.post("index", asked)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(text)


NAMES = [
    ("json", {}, 400, "The name 'json' isn't allowed (conflict with Python Standard Library"),
    ("{p}", {"prohibited": ["{P}"]}, 400, "The name '{p}' isn't allowed. See http"),
    ("{p}", {"registration": False}, 403, "New project registration temporarily disabled. See"),
    ("{p}", {"new_projects": 0}, 429, "Too many new projects created"),
    ("{p}", {"new_projects": 1}, 200, "OK"),
    ("lo{p}", {"projects": {"I.0{p}": {}}}, 400, "The name 'lo{p}' is too similar to an existing"),
]


def _filled(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return value.replace("{p}", name).replace("{P}", name.upper())
    if isinstance(value, dict):
        return {_filled(key, name): _filled(inner, name) for key, inner in value.items()}
    return [_filled(inner, name) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("wanted", "settings", "status", "text"), NAMES)
def test_names_for_users(
    tuned: Sandbox, tmp_path: Path, wanted: str, settings: dict[str, Any], status: int, text: str
) -> None:
    unique = project_of(tmp_path)
    tuned.post("index", _filled(settings, unique))
    path = wheel(tmp_path, _filled(wanted, unique))
    answer = tuned.upload(user(tuned), path)
    wanted_text = _filled(text, unique)
    assert (answer.status_code, answer.reason[: len(wanted_text)]) == (status, wanted_text)


@pytest.mark.parametrize(("wanted", "settings", "status", "text"), NAMES)
def test_names_for_pending_publishers(
    tuned: Sandbox, tmp_path: Path, wanted: str, settings: dict[str, Any], status: int, text: str
) -> None:
    unique = project_of(tmp_path)
    tuned.post("index", _filled(settings, unique))
    answer = tuned.exchange(_pending(tuned, unique, _filled(wanted, unique)))
    if status in {200, 429}:  # the limit is a limit of users
        assert answer.status_code == 200
        return
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["code"] == "invalid-payload"
    assert error["description"].startswith(_filled(text, unique))


def _pending(sandbox: Sandbox, unique: str, project: str) -> str:
    """An ID token of a pending publisher that only this test has."""
    claims = {
        "repository": f"octo-org/{unique}",
        "job_workflow_ref": f"octo-org/{unique}/.github/workflows/release.yml@refs/tags/v1.0",
    }
    publisher = {"repository": f"octo-org/{unique}"}
    asked = {"claims": {**GITHUB, **claims}, "publisher": {**GITHUB_PUBLISHER, **publisher}}
    given = sandbox.post("persona", {**asked, "pending": project}).json()
    return Player(given["request_url"], given["request_token"], sandbox.http).token("pypi")


def test_a_pending_publisher_makes_its_project(shared: Sandbox, new: Path) -> None:
    name = name_of(new)
    id_token = _pending(shared, name, name.upper())
    answer = shared.exchange(id_token)
    assert answer.status_code == 200
    assert shared.listing(name).json()["files"] == []
    token = answer.json()["token"]
    assert shared.upload(token, new).status_code == 200
    other = shared.upload(token, wheel(new.parent, f"{name}x"))
    assert other.reason.startswith("Non-user identities cannot create new projects.")
    assert shared.exchange(id_token).json()["errors"][0]["code"] == "invalid-reuse-token"


def test_a_pending_publisher_that_comes_too_late(shared: Sandbox, new: Path) -> None:
    name = name_of(new)
    id_token = _pending(shared, name, name)
    shared.post("index", {"projects": {name: {}}})
    for code, text in (
        ("invalid-pending-publisher", "valid token, but project already exists"),
        ("invalid-publisher", "valid token, but no corresponding publisher (Publisher with match"),
    ):
        (error,) = shared.exchange(id_token).json()["errors"]
        assert error["code"] == code
        assert error["description"].startswith(text)


def test_a_used_token_of_a_pending_publisher(shared: Sandbox, new: Path) -> None:
    """Nobody catches that on the real index."""
    name = name_of(new)
    id_token = _pending(shared, name, name)
    assert shared.exchange(id_token).status_code == 200
    _pending(shared, name, f"{name}-two")
    assert shared.exchange(id_token).status_code == 500


def test_a_name_that_was_taken_meanwhile(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.make("Widget")
    with pytest.raises(NameRefusedError, match="conflicts with an existing project") as caught:
        check("widget", store, Settings(), "http://127.0.0.1:1")
    assert caught.value.status == 409


def test_invalid_names_of_pending_publishers(shared: Sandbox, new: Path) -> None:
    (error,) = shared.exchange(_pending(shared, name_of(new), "-x-")).json()["errors"]
    assert error == {"code": "invalid-payload", "description": "The name '-x-' is invalid."}


def test_issuers_of_organizations(tuned: Sandbox) -> None:
    issuer = "https://github.example.org"
    id_token = tuned.persona(claims={"iss": issuer}).token("pypi")
    (error,) = tuned.exchange(id_token).json()["errors"]
    assert error["description"] == "unknown trusted publishing issuer"
    tuned.post("index", {"issuers": {issuer: "GitHub"}})
    (error,) = tuned.exchange(id_token).json()["errors"]
    assert error["code"] == "invalid-publisher"
    assert f"(JWT issuer '{issuer}' does not match expected issuer " in error["description"]


def test_an_event_without_a_name(shared: Sandbox) -> None:
    player = shared.persona(overrides={"event_name": ""})
    assert shared.exchange(player.token("pypi")).status_code == 200


@pytest.mark.parametrize("first_alone", [True, False])
def test_a_release_that_is_made_twice(
    tuned: Sandbox, token: str, tmp_path: Path, first_alone: bool
) -> None:
    """Two requests that make the same release collide, unless it is there already."""
    name = project_of(tmp_path)
    wheels = [wheel(tmp_path, name, tag=f"cp3{number}-none-any") for number in range(4)]
    tuned.post("index", {"new_release_ms": 50 if first_alone else 60_000})
    statuses = []
    if first_alone:
        statuses.append(tuned.upload(token, wheels.pop()).status_code)
    barrier = threading.Barrier(len(wheels))

    def send(path: Path) -> int:
        barrier.wait()
        return tuned.upload(token, path).status_code

    with ThreadPoolExecutor(len(wheels)) as pool:
        statuses += pool.map(send, wheels)
    assert (500 in statuses) == (not first_alone)
    tuned.post("index", {"new_release_ms": 0})
    again = [tuned.upload(token, path).status_code for path in wheels]
    assert again == [200] * len(wheels)


DESCRIPTIONS = [
    ("Title\n=====\n\ntext\n", None, 200, "OK"),
    ("Title\n==\n\n* a\n b `c", None, 400, "The description failed to render in the default form"),
    ("Title\n==\n\n* a\n b `c", "text/x-rst", 400, "The description failed to render for 'text/x"),
    ("Title\n==\n\n* a\n b `c", "text/markdown; variant=GFM", 200, "OK"),
    (" \n", "text/markdown", 400, "The description failed to render for 'text/markdown'. See"),
    ("anything `", "text/plain", 200, "OK"),
]


@pytest.mark.parametrize(("text", "kind", "status", "reason"), DESCRIPTIONS)
def test_descriptions(
    shared: Sandbox,
    token: str,
    new: Path,
    text: str,
    kind: str | None,
    status: int,
    reason: str,
) -> None:
    fields = form(new, description=text, description_content_type=kind)
    answer = shared.upload(token, new, fields)
    assert (answer.status_code, answer.reason[: len(reason)]) == (status, reason)


ENTRY_POINTS = [
    ("[console_scripts]\nrun = a:b\n[x]\nodd name! = c\n", 200),
    ("[gui_scripts]\n../run = a:b\n", 400),
    ("[console_scripts\n", 400),
    ("\udcff", 400),
]


@pytest.mark.parametrize(("text", "status"), ENTRY_POINTS)
def test_entry_points(shared: Sandbox, token: str, tmp_path: Path, text: str, status: int) -> None:
    name = project_of(tmp_path)
    data = text.encode("utf-8", "surrogateescape")
    members = {f"{name}-1.0.dist-info/entry_points.txt": data}
    path = make_wheel(tmp_path, name, members=members)
    answer = shared.upload(token, path)
    assert answer.status_code == status
    if status == 400:
        assert answer.reason.startswith(f"Wheel '{path.name}' has invalid entry points defined in")


def test_urls_are_verified_by_and_by(shared: Sandbox, token: str, tmp_path: Path) -> None:
    """A release keeps its URLs; later files may only verify them."""
    name = project_of(tmp_path)
    source, more = sdist(tmp_path, name), wheel(tmp_path, name)
    home = "https://github.com/octo-org/widget"
    page = f"{shared.index}/project/{name}/1.0/"
    fields: dict[str, Any] = {"home_page": home, "project_urls": ["Docs, https://a.example"]}
    assert shared.upload(user(shared), source, form(source, **fields)).status_code == 200
    before, _, after = shared.http.get(page).text.partition("Unverified")
    assert home not in before
    assert f"Homepage: {home}" in after
    later = {**fields, "project_urls": [f"Docs, {home}"], "download_url": home}
    assert shared.upload(token, more, form(more, **later)).status_code == 200
    before, _, after = shared.http.get(page).text.partition("Unverified")
    assert f"Homepage: {home}" in before
    assert "Docs: https://a.example" in after
    assert "Download" not in before + after
