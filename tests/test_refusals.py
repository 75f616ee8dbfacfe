"""Every refusal of the index, through the command line: what its user reads.

What the rehearsal's index refuses by itself is provoked for real; the other texts of its contract
come by a fault.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from publisher import cli
from publisher.publish import refusals, rejections
from publisher.publish.refusals import CAUSES, NAMES
from publisher.publish.rejections import REJECTIONS, STATUSES
from publisher.report.text import clean
from support.archives import make_wheel
from support.play import running
from support.sandbox import PERSONAS, Player, Sandbox

HERE = Path(__file__).parent
MINT, LEGACY = "/_/oidc/mint-token", "/legacy/"
HEALTHY = {
    "read_only": False, "uploads": True, "registration": True, "prohibited": [],
    "new_projects": None, "classifiers": None, "deprecated_classifiers": {},
}  # fmt: skip


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A world of this module's own, whose index can be switched off and on."""
    with running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@dataclass
class Stage:
    """A job with one wheel to publish, and the index that will refuse it."""

    sandbox: Sandbox
    folder: Path
    name: str
    capsys: pytest.CaptureFixture[str]
    env: dict[str, str]
    attestations: str = "off"

    def __post_init__(self) -> None:
        self.dist, self.report = self.folder / "dist", self.folder / "report.json"
        self.dist.mkdir()
        self.wheel = make_wheel(self.dist, self.name)
        self.runs_on("github")

    def runs_on(self, kind: str) -> None:
        """Let the job be one of this provider, that no other test has."""
        text = json.dumps(PERSONAS[kind]).replace("widget", self.name)
        self.claims, self.publisher = json.loads(text.replace("publisher@", f"{self.name}@"))

    def trusts(self, *, projects: list[str] | None = None, pending: str | None = None,
               **publisher: Any) -> Player:  # fmt: skip
        """Register a publisher that differs in this from the job, and none that fits it."""
        registered = {**self.publisher, **publisher}
        asked = {"claims": self.claims, "publisher": registered, "projects": projects}
        answer = self.sandbox.post("persona", asked | ({"pending": pending} if pending else {}))
        assert answer.status_code == 200, answer.text
        self.fault("control", "POST", "/persona", status=200, body=answer.text, times=1)
        given = answer.json()
        return Player(given["request_url"], given["request_token"], self.sandbox.http)

    def fault(self, service: str, method: str, path: str, **what: Any) -> None:
        asked = {"service": service, "method": method, "path": path, "times": 20, **what}
        assert self.sandbox.post("faults", [asked]).status_code == 200

    def says(self, status: int, text: str) -> None:
        """The index's answer to an upload, in its own form."""
        body = json.dumps({"message": f"The server could not comply.\n\n\n{text}"})
        self.fault("pypi", "POST", LEGACY, status=status, body=body)

    def index(self, **state: Any) -> None:
        """Bring the project into this state."""
        answer = self.sandbox.post("index", {"projects": {self.name: state}})
        assert answer.status_code == 200, answer.text

    def switch(self, **settings: Any) -> None:
        assert self.sandbox.post("index", settings).status_code == 200

    def holds(self, token: str) -> None:
        """Let this be the job's ID token."""
        self.fault("issuer", "GET", "/token", status=200, body=json.dumps({"value": token}))

    def api_token(self, **asked: Any) -> str:
        tokens = self.sandbox.post("api-token", asked).json()["tokens"]
        return str(tokens["pypi"])

    def uploads_with(self, token: str) -> None:
        """Let the index mint this token."""
        body = json.dumps({"success": True, "token": token, "expires": 4e9})
        self.fault("pypi", "POST", MINT, status=200, body=body)

    def run(self) -> tuple[int, dict[str, Any], str]:
        """Publish: the exit code, the last finding of the report, and all that was shown."""
        claims = self.folder / "claims.json"
        claims.write_text(json.dumps(self.claims))
        argv = [str(self.dist), "--sandbox", self.sandbox.control, "--report", str(self.report)]
        argv += ["--provider-claims", str(claims), "--attestations", self.attestations]
        code = cli.run(argv, self.env)
        shown = "".join(self.capsys.readouterr())
        assert "Traceback" not in shown
        return code, self.findings()[-1], shown

    def findings(self) -> list[dict[str, Any]]:
        """All of the last run."""
        found: list[dict[str, Any]] = json.loads(self.report.read_text())["findings"]
        return found

    def refused(self, code: str, exit_code: int) -> dict[str, Any]:
        """The error, whose hint stands in the log word for word."""
        ended, error, shown = self.run()
        assert (ended, error["code"]) == (exit_code, code), shown
        assert "".join(clean(error["hint"]).split()) in "".join(shown.split())
        return error

    def mint_refused(self) -> dict[str, Any]:
        return self.refused("mint-refused", 6)

    def upload_refused(self) -> dict[str, Any]:
        return self.refused("upload-refused", 7)


@pytest.fixture
def stage(
    sandbox: Sandbox, tmp_path: Path, project_name: str, clean_env: dict[str, str],
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, impatient: None,
) -> Iterator[Stage]:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    yield Stage(sandbox, tmp_path, project_name, capsys, clean_env)
    sandbox.http.delete(f"{sandbox.control}/faults")
    sandbox.post("settings", {"disabled": []})
    sandbox.post("index", HEALTHY)


# No upload token, for real


@pytest.mark.parametrize(
    ("kind", "registered", "cause"),
    [
        ("github", {"workflow": "publish.yml"}, "this job's is release.yml."),
        ("github", {"environment": "staging"}, "environment is registered; this job's: pypi."),
        ("github", {"repository": "octo-org/other"}, "was renamed, moved"),
        ("github", {"repository_owner_id": "1"}, "the owner's number."),
        ("gitlab", {"workflow_filepath": "ci/x.yml"}, "this job's is .gitlab-ci.yml."),
        ("gitlab", {"environment": "Production"}, "is registered; this job's: production."),
        ("gitlab", {"repository": "my-group/other"}, "or a group above it, was renamed"),
        ("google", {"email": "other@example.org"}, "another service account"),
        ("google", {"sub": "1"}, "Subject is now 104857600000000000001."),
        ("activestate", {"actor_id": "2"}, "Another organization, project or user"),
    ],
)
def test_no_publisher_fits(stage: Stage, kind: str, registered: dict[str, Any], cause: str) -> None:
    stage.runs_on(kind)
    stage.trusts(**registered)
    error = stage.mint_refused()
    assert error["facts"]["code"] == "invalid-publisher"
    causes = error["facts"]["causes"]
    assert causes[0].startswith("The publisher is registered on another index.")
    assert len([one for one in causes if cause.lower() in one.lower()]) == 1, causes
    assert not [one for one in causes if "{" in one]
    register = {one["field"]: one["value"] for one in error["facts"]["fields"]}
    assert register == error["facts"]["register"]
    assert all(one["claim"] for one in error["facts"]["fields"])
    assert all(stage.claims.get(one["claim"]) == one["claimed"] for one in error["facts"]["fields"])


def test_the_fields_are_not_told_twice(stage: Stage) -> None:
    stage.trusts(workflow="publish.yml")
    _, _, shown = stage.run()
    assert shown.count("was renamed, moved or made anew") == 1
    assert "fields: " not in shown
    assert "register: " not in shown


def test_a_pull_request_of_a_fork(stage: Stage) -> None:
    stage.env |= {"GITHUB_EVENT_NAME": "pull_request"}
    stage.trusts(workflow="publish.yml")
    assert "This run belongs to a pull request." in stage.mint_refused()["hint"]


def test_a_merge_request_of_a_fork(stage: Stage) -> None:
    stage.runs_on("gitlab")
    stage.claims["job_project_path"] = "my-group/upstream"
    stage.trusts(environment="other")
    assert "for a merge request from a fork" in stage.mint_refused()["hint"]


def used(stage: Stage) -> None:
    token = stage.trusts().token("pypi")
    assert stage.sandbox.exchange(token).status_code == 200
    stage.holds(token)


def forged(stage: Stage) -> None:
    token = stage.trusts().token("pypi")
    stage.holds(token[:-20] + "A" * 20)


def switched_off(stage: Stage) -> None:
    stage.sandbox.post("settings", {"disabled": ["github"]})


def all_switched_off(stage: Stage) -> None:
    stage.sandbox.post("settings", {"disabled": ["all"]})


def stranger(stage: Stage) -> None:
    """A GitLab that nobody has registered: the persona that is registered is GitHub's."""
    publisher = stage.publisher
    stage.runs_on("gitlab")
    stage.publisher = publisher
    stage.claims["iss"] = "https://gitlab.example.net"
    host = stage.claims["ci_config_ref_uri"].replace("gitlab.com", "gitlab.example.net")
    stage.claims["ci_config_ref_uri"] = host
    stage.trusts(repository_owner_id="1")


def too_late(stage: Stage) -> None:
    stage.index()
    stage.trusts(pending=stage.name)


def no_name(stage: Stage) -> None:
    stage.trusts(pending="-x-")


def standard_library(stage: Stage) -> None:
    stage.trusts(pending="json")


def alike(stage: Stage) -> None:
    stage.index()
    stage.trusts(pending=stage.name.replace("t-", "t.", 1).replace("i", "l"))


def prohibited(stage: Stage) -> None:
    stage.switch(prohibited=[stage.name])
    stage.trusts(pending=stage.name)


def no_new_names(stage: Stage) -> None:
    stage.switch(registration=False)
    stage.trusts(pending=stage.name)


@pytest.mark.parametrize(
    ("provoke", "code", "first"),
    [
        (used, "invalid-reuse-token", "Most likely first:\n1. The index takes each ID token once"),
        (forged, "invalid-token", "Most likely first:\n1. The clock of the runner is off"),
        (switched_off, "not-enabled", "The index's administrators have switched github off."),
        (all_switched_off, "not-enabled", "The index's administrators have switched trusted pub"),
        (stranger, "invalid-payload", "The index knows this CI's issuer neither"),
        (too_late, "invalid-pending-publisher", "The project was made by somebody else before"),
        (no_name, "invalid-payload", "A project's name is made of ASCII letters"),
        (standard_library, "invalid-payload", "Python's own modules keep their names."),
        (alike, "invalid-payload", "The name reads like that of another project."),
        (prohibited, "invalid-payload", "The index has blocked this name."),
        (no_new_names, "invalid-payload", "The index makes no new projects for now."),
    ],
)
def test_other_refusals(
    stage: Stage, provoke: Callable[[Stage], None], code: str, first: str
) -> None:
    provoke(stage)
    error = stage.mint_refused()
    assert error["facts"]["code"] == code
    assert error["hint"].startswith(first)
    assert "field on the index" not in error["hint"]


def test_a_used_token_of_gitlab_is_helped_in_its_yaml(stage: Stage) -> None:
    stage.runs_on("gitlab")
    used(stage)
    assert "id_tokens:" in stage.mint_refused()["hint"]


@pytest.mark.parametrize(
    ("kind", "claims", "code", "hint"),
    [
        ("github", {"repository_owner": "x"}, "token-unexpected", "first of all Owner:\n\n"),
        ("github", {"ref": "", "sha": ""}, "token-unexpected", "names no branch, tag or commit"),
        ("google", {"email_verified": False}, "token-unexpected", "--include-email"),
    ],
)
def test_what_is_known_before_the_index_is_asked_has_the_same_help(
    stage: Stage, kind: str, claims: dict[str, Any], code: str, hint: str
) -> None:
    stage.runs_on(kind)
    stage.claims |= claims
    error = stage.refused(code, 3)
    assert hint in error["hint"]
    assert error["facts"]["causes"]


# No upload token, by a fault: every text of the contract

NONE = "valid token, but no corresponding publisher ({})"
ELSEWHERE = (
    "The job_workflow_ref claim does not match, expecting one of ['octo-org/widget/.github/"
    "workflows/release.yml@refs/heads/main'], got 'octo-org/ci/.github/workflows/x.yml@v1'"
)
CONFIG = (
    "The ci_config_ref_uri claim does not match, expecting one of ['gitlab.com/My-Group/widget//"
    ".gitlab-ci.yml@main'], got 'gitlab.com/my-group/widget//.gitlab-ci.yml@main'"
)
# Provider, reason of invalid-publisher, the cause named first, the field to look at first.
REASONS = [
    ("github", "Publisher with matching claims was not found", "on another index", "Owner"),
    ("github", "Something new", "on another index", "Owner"),
    ("github", "Missing claim 'repository'", "says nothing of repository.", "Repository name"),
    ("github", "Missing claim 'jti'", "says nothing of jti.", ""),
    ("github", "Could not job extract workflow filename from OIDC claims", "no workflow file", ""),
    ("gitlab", "Could not extract workflow filename from OIDC claims", "no pipeline file", ""),
    ("github", "The job_workflow_ref claim is empty", "which file", "Workflow name"),
    ("gitlab", "The ci_config_ref_uri claim is empty", "file", "Top-level pipeline file path"),
    ("github", "The ref and sha claims are empty", "no branch, tag or commit", ""),
    ("gitlab", "The ref_path and sha claims are empty", "no branch, tag or commit", ""),
    ("github", ELSEWHERE, "a reusable workflow of another repository", "Workflow name"),
    ("gitlab", CONFIG, "renamed or moved", "Top-level pipeline file path"),
    ("github", "Publishing from a workflow invoked via 'pull_request_target' is not supported.",
     "that pull_request_target started", ""),
    ("github", "Check failed for required claim 'repository_owner_id'", "differ in re", "Owner"),
    ("github", "Check failed for required claim 'repository'", "differ in r", "Repository name"),
    ("gitlab", "Check failed for required claim 'sub'", "differ in sub.", ""),
    ("google", "Check failed for required claim 'email'", "differ in email.", "Email"),
    ("google", "Check failed for optional claim 'sub'", "Change one of the two.", "Subject"),
    ("gitlab", "Check failed for optional claim 'environment'", "differ in", "Environment name"),
    ("activestate", "Check failed for required claim 'actor_id'", "differ", "Actor Username"),
    ("activestate", "Missing 'subject' claim", "does not say for whom", ""),
    ("activestate", "Invalid 'subject' claim. Wrong format", "org:ORGANIZATION:project:", ""),
    ("activestate", "Invalid 'subject' claim", "names another organization", ""),
    ("gitlab", "JWT issuer 'https://a.example' does not match expected issuer 'https://b.example'",
     "does not take tokens of https://a.example", ""),
    ("github", "No required verifiable claims", "its own mistake", ""),
]  # fmt: skip
# Code, text, the cause named first.
OTHERS = [
    ("not-enabled", "gitlab trusted publishing functionality not enabled", "switched gitlab off"),
    ("not-enabled", "Trusted publishing functionality not enabled", "switched trusted publishing"),
    ("invalid-token", "malformed or invalid token", "The clock of the runner is off"),
    ("invalid-reuse-token", "invalid token: already used", "takes each ID token once"),
    ("invalid-payload", "malformed JWT", "is no ID token"),
    ("invalid-payload", "1 validation error for TokenPayload\ntoken\n  Field required", "a proxy"),
    ("invalid-payload", "unknown trusted publishing issuer", "an organization on pypi must reg"),
    ("invalid-pending-publisher", "valid token, but project already exists", "by somebody else"),
    ("invalid-payload", "The name '-x-' is invalid.", "is made of ASCII letters"),
    ("invalid-payload", "The name 'json' isn't allowed (conflict with Python Standard Library "
     "module name). See", "Python's own modules"),
    ("invalid-payload", "The name 'x' conflicts with an existing project.", "has a project of"),
    ("invalid-payload", "The name 'x' is too similar to an existing project.", "reads like that"),
    ("invalid-payload", "The name 'x' isn't allowed. See", "has blocked this name"),
    ("invalid-payload", "New project registration temporarily disabled.", "makes no new projects"),
    ("invalid-future", "Something {new}", "does not know that refusal"),
]  # fmt: skip
MINTED = [
    *(("invalid-publisher", kind, NONE.format(reason), *want) for kind, reason, *want in REASONS),
    *((code, "github", text, want, "") for code, text, want in OTHERS),
]


@pytest.mark.parametrize(("code", "kind", "text", "cause", "field"), MINTED)
def test_what_the_mint_says(
    stage: Stage, code: str, kind: str, text: str, cause: str, field: str
) -> None:
    stage.runs_on(kind)
    said = {"message": "Token request failed", "errors": [{"code": code, "description": text}]}
    stage.fault("pypi", "POST", MINT, status=422, body=json.dumps(said))
    error = stage.mint_refused()
    assert text in error["message"]
    assert cause in error["facts"]["causes"][0]
    assert error["facts"]["causes"][0] in error["hint"]
    fields = error["facts"]["fields"]
    assert (fields[0]["field"] if fields else "") == field
    assert bool(fields) == ("field on the index" in error["hint"])
    for one in fields:
        assert re.search(rf"    {one['field']} +{one['value'] or '.leave'}", error["hint"])


def test_every_text_of_the_mint_is_tried() -> None:
    assert {refusals.find(CAUSES, text)[0] for _, _, text, *_ in MINTED} == {*CAUSES, ""}


# Files, for real


def archived(stage: Stage) -> None:
    stage.index(status="archived")


def quarantined(stage: Stage) -> None:
    stage.index(status="quarantined")


def organization(stage: Stage) -> None:
    stage.index(organization_active=False)


def read_only(stage: Stage) -> None:
    stage.switch(read_only=True)


def closed(stage: Stage) -> None:
    stage.switch(uploads=False)


def deleted(stage: Stage) -> None:
    stage.index(deleted=[stage.wheel.name])


def old(stage: Stage) -> None:
    stage.index(releases={"1.0": {"age_days": 15}})


def same_content(stage: Stage) -> None:
    other = stage.folder / stage.wheel.name.replace("-1.0-", "-1.0-1-")
    shutil.copy(stage.wheel, other)
    assert stage.sandbox.upload(stage.api_token(), other).status_code == 200


def other_project(stage: Stage) -> None:
    stage.index()
    stage.trusts(projects=["other"])


def new_project(stage: Stage) -> None:
    stage.trusts(projects=["other"])


def expired(stage: Stage) -> None:
    stage.uploads_with(stage.api_token(seconds=-1))


def unknown_token(stage: Stage) -> None:
    stage.uploads_with("pypi-unknown")


def token_of_another(stage: Stage) -> None:
    stage.index()
    stage.uploads_with(stage.api_token(projects=["other"]))


def too_many(stage: Stage) -> None:
    stage.switch(new_projects=0)
    stage.uploads_with(stage.api_token())


def blocked_name(stage: Stage) -> None:
    stage.switch(prohibited=[stage.name])
    stage.uploads_with(stage.api_token())


def registration(stage: Stage) -> None:
    stage.switch(registration=False)
    stage.uploads_with(stage.api_token())


def large_file(stage: Stage) -> None:
    stage.index(file_limit=10)


def large_project(stage: Stage) -> None:
    stage.index(total_limit=10)


def classifier(stage: Stage) -> None:
    stage.switch(classifiers=[])
    make_wheel(stage.dist, stage.name, extra_metadata="Classifier: Topic :: Unheard")


def old_classifier(stage: Stage) -> None:
    stage.switch(deprecated_classifiers={"Topic :: Old": []})
    make_wheel(stage.dist, stage.name, extra_metadata="Classifier: Topic :: Old")


def attested_by_user(stage: Stage) -> None:
    stage.attestations = "required"
    stage.uploads_with(stage.api_token())


def race(stage: Stage) -> None:
    stage.fault("pypi", "POST", LEGACY, status=500, body="500 Internal Server Error")


@pytest.mark.parametrize(
    ("provoke", "status", "hint"),
    [
        (archived, 403, "it is archived or in quarantine"),
        (quarantined, 403, "it is archived or in quarantine"),
        (organization, 400, "The organization that owns the project is not active."),
        (read_only, 403, "The index takes nothing for now"),
        (closed, 403, "The index takes no files for now."),
        (deleted, 400, "A name is used once, even if its file was deleted."),
        (old, 400, "it takes new files for 14 days."),
        (same_content, 400, "or this content under another name."),
        (other_project, 403, "is registered for other projects than"),
        (new_project, 400, "a trusted publisher can't make one."),
        (expired, 403, "An upload token lives for 15 minutes"),
        (unknown_token, 403, "The index does not know the upload token"),
        (token_of_another, 403, "The token is for other projects than"),
        (too_many, 429, "too many projects in a short time"),
        (blocked_name, 400, "The index has blocked this name."),
        (registration, 403, "The index makes no new projects for now."),
        (large_file, 400, "Ask for a higher limit"),
        (large_project, 400, "All files of the project are larger together"),
        (classifier, 400, "A classifier is misspelt"),
        (old_classifier, 400, "The index does not take Topic :: Old any more."),
        (attested_by_user, 400, "An API token uploads, but can't attest."),
        (race, 500, "The index failed, even when asked again."),
    ],
)
def test_refused_files(
    stage: Stage, provoke: Callable[[Stage], None], status: int, hint: str
) -> None:
    provoke(stage)
    error = stage.upload_refused()
    assert error["facts"]["status"] == status
    assert hint in error["hint"]
    assert error["hint"].endswith(rejections.TAIL)
    assert "{" not in error["hint"]


# Files, by a fault: every text of the contract

BAD = "Invalid attestations supplied during upload: "
UNVERIFIED = BAD + (
    "Could not verify the uploaded artifact using the included attestation: Verification failed: "
)
# Status, text, a piece of the hint.
UPLOADS = [
    (403, "Invalid or non-existent authentication information. See", "does not know the upload t"),
    (403, "Invalid API Token: OIDC scoped token is not valid for project 'a', project-scoped token "
     "is not valid for project: 'a'", "Add it in the publishing settings of a,"),
    (403, "Invalid API Token: project-scoped token is not valid for project: 'a'", "than a. Use"),
    (403, "Invalid API Token: token is expired, token is expired", "lives for 15 minutes"),
    (403, "Invalid API Token: unknown caveat", "is not for this."),
    (403, "The given token isn't allowed to upload to project 'a'. See", "may upload to a now"),
    (403, "The user 'b' isn't allowed to upload to project 'a'. See", "may upload to a now"),
    (403, "Read-only mode: Uploads are temporarily disabled.", "takes nothing for now"),
    (403, "New uploads are temporarily disabled. See", "takes no files for now"),
    (400, "Non-user identities cannot create new projects. This was", "register a pending publ"),
    (400, "Organization account owning this project is inactive. This", "Its owners must see to"),
    (429, "Too many new projects created", "too many projects in a short time"),
    (400, "File already exists ('a.whl', with blake2_256 hash 'c'). See", "publish a new version"),
    (400, "This filename was previously used by a file that has since been deleted. Use", "once"),
    (400, "Uploading new files to releases older than 14 days is not allowed.", "for 14 days"),
    (400, "Only one sdist may be uploaded per release.", "has an sdist already"),
    (400, "The use of local versions in '1+x' is not allowed. See", "no-local-version"),
    (400, "Filename 'A-1.zip' is invalid, should be 'a-1.tar.gz'.", "asks for, a-1.tar.gz."),
    (400, "Filename 'A-1.whl' should contain the normalized project name 'a', not 'A'.", "lower"),
    (400, "Start filename for 'a' with 'a'.", "as the metadata has it: a."),
    (400, "Version in filename should be '1' not '2'.", "state different versions"),
    (400, "Binary wheel 'a.whl' has an unsupported platform tag 'linux_x86_64'.", "linux_x86_64 r"),
    (400, "Invalid file extension: Use .tar.gz, .whl or .zip extension.", ".whl and .tar.gz only"),
    (400, "Cannot upload a file with '/' or '\\' in the name.", "can't hold slashes"),
    (400, "Invalid source distribution filename: a.tar.gz", "NAME-VERSION.tar.gz"),
    (400, "Invalid wheel filename (wrong number of parts): 'a'", "that of a wheel"),
    (400, "File too large. Limit for project 'a' is 100 MB. See", "lets a upload"),
    (400, "Project size too large. Limit for project 'a' total size is 10 GB.", "together"),
    (400, "'A :: B' is not a valid classifier. See", "'Private ::'"),
    (400, "The classifier 'A :: B' has been deprecated, use one of", "does not take A :: B any"),
    (400, "Can't have direct dependency: a @ https://index.example/a.whl", "by name and version"),
    (400, "'summary' has invalid data. See", "stands there twice"),
    (400, "License is deprecated when License-Expression is present. Only", "two ways"),
    (400, "'summary' field must be 512 characters or less.", "one-line description is too long"),
    (400, "'a' must be 32 characters or less.", "label of a project URL"),
    (400, "'a' is not a valid email address: b", "e-mail address is none"),
    (400, "'a' is not a valid url. See", "that a browser could open"),
    (400, "'a' is an invalid value for Name. Error: b", "can't be read"),
    (400, "Invalid value for filetype. Error: Use a known file type.", "can't read filetype"),
    (400, "The description failed to render for 'text/x-rst'. See", "twine check"),
    (400, "The digest supplied does not match a digest calculated from the uploaded file.", "way"),
    (400, "Invalid distribution file. File is not a zipfile", "archive is broken"),
    (400, "License-File L does not exist in distribution file a at b", "does not hold: L."),
    (400, "Wheel 'a' does not contain the required RECORD file: b", "its list of files"),
    (400, "Wheel 'a' does not contain the required METADATA file: b", "lacks its metadata"),
    (400, "Wheel 'a' has invalid entry points defined in the entry_points.txt file", "be read"),
    (400, "Error: Include at least one message digest.", "did not arrive as it was sent"),
    (400, "Upload payload does not have a file.", "did not arrive as it was sent"),
    (400, "attestations: Should not be a tuple.", "did not arrive as it was sent"),
    (400, "Unknown protocol version.", "did not arrive as it was sent"),
    (410, "Project pre-registration is no longer required or supported", "did not arrive"),
    (410, "Uploading documentation is no longer supported", "did not arrive"),
    (400, f"{BAD}Attestations are only supported when using Trusted Publishing", "can't attest"),
    (400, f"{BAD}Attestations are not currently supported with ActiveState publishers",
     "takes files from ActiveState, but no attestations"),
    (400, f"{BAD}Malformed attestations: an empty attestation set is not permitted", "did not arr"),
    (400, f"{BAD}Malformed attestations: 1 validation error for list[Attestation]", "no PEP 740"),
    (400, f"{BAD}A maximum of 2 attestations per file are supported", "at most 2."),
    (400, f"{UNVERIFIED}subject does not match distribution digest", "for another file"),
    (400, f"{UNVERIFIED}subject does not match distribution name: a != b", "for another file"),
    (400, f"{UNVERIFIED}invalid subject: a", "for another file"),
    (400, f"{UNVERIFIED}too many subjects in statement (must be exactly one)", "several files"),
    (400, f"{UNVERIFIED}unknown attestation type: a", "SLSA provenance v1 only"),
    (400, f"{UNVERIFIED}Certificate's OIDCSourceRepositoryURI does not match (got a, expected b)",
     "Another identity signed"),
    (400, f"{UNVERIFIED}Certificate's OIDCIssuerV2 does not match (got a, expected b)",
     "another GitLab instance"),
    (400, f"{UNVERIFIED}Certificate's Build Config URI (a) does not match expected Trusted "
     "Publisher (b @ c)", "a reusable workflow"),
    (400, f"{UNVERIFIED}Certificate's SANs do not match a; actual: b", "Another identity signed"),
    (400, f"{UNVERIFIED}DSSE: invalid signature", "does not verify at the index"),
    (400, f"{UNVERIFIED}invalid log entry: SET: invalid inclusion promise: keyring", "not verify"),
    (400, f"{UNVERIFIED}invalid log entry: inclusion proof has wrong size: 1", "does not verify"),
    (400, f"{UNVERIFIED}failed to build timestamp certificate chain: a", "does not verify"),
    (400, f"{UNVERIFIED}failed to verify SCT on signing certificate: a", "does not verify"),
    (400, f"{UNVERIFIED}something new", "does not verify"),
    (400, f"{BAD}Unknown error while trying to verify included attestations: bundle must contain "
     "an inclusion promise or signed timestamp(s)", "does not verify"),
    (400, f"{BAD}Unknown error while trying to verify included attestations: invalid transparency "
     "log entry", "does not verify"),
    (400, f"{BAD}Unknown error while trying to verify included attestations: a", "its own trouble"),
    (400, f"{BAD}Attestation with unsupported predicate type: a", "SLSA provenance v1 only"),
    (400, f"{BAD}Multiple attestations for the same file with the same predicate type (a) are not "
     "supported", "two attestations of a kind"),
    *((400, f"{says.format(name='x')}.", help_) for says, help_ in NAMES.items()),
    (308, "An upload was attempted to /legacy", "leads elsewhere"),
    (401, "Unauthorized: user and password are needed", "wants a login"),
    (403, "Blocked by rule 7", "or a firewall before it"),
    (404, "Not here", "no upload API at this URL."),
    (409, "a.whl already exists in a non-volatile index", "a file of this name already"),
    (410, "Gone", "any more"),
    (413, "Request Entity Too Large", "a proxy before it"),
    (429, "Slow down", "lower --jobs"),
    (500, "Oh {no}", "even when asked again"),
    (503, "Oh no", "even when asked again"),
    (400, "Too {pretty}", "does not know that refusal"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "text", "hint"), UPLOADS)
def test_what_the_upload_says(stage: Stage, status: int, text: str, hint: str) -> None:
    stage.says(status, text)
    error = stage.upload_refused()
    assert error["message"].endswith(text)
    assert error["facts"]["status"] == status
    assert error["facts"]["answer"].endswith(text)
    assert hint in error["hint"]
    assert error["hint"].endswith(f"\n{rejections.TAIL}")


def test_every_text_and_status_of_the_upload_is_tried() -> None:
    found = {refusals.find(REJECTIONS, text)[0]: status for status, text, _ in UPLOADS}
    assert found.keys() == {*REJECTIONS, ""}
    unknown = {str(s) for s, text, _ in UPLOADS if not refusals.find(REJECTIONS, text)[0]}
    assert unknown == {*STATUSES} - {"3xx", "5xx"} | {"308", "500", "503", "400"}


# Answers that are nobody's refusal

PROXY = "<html><head><title>Login</title></head><body>Please log in</body></html>"
STRANGE = {
    "audience": 5, "message": {}, "errors": 5, "files": 5, "version": [], "token": 5,
    "attestation_bundles": 5,
}  # fmt: skip
DEEPER = {
    "audience": ["pypi"], "message": None, "errors": [5], "files": [{"filename": 5, "hashes": 5}],
    "version": 1, "token": [], "attestation_bundles": [{"publisher": 5, "attestations": {}}],
}  # fmt: skip
BODIES = [
    *(PROXY, "", "[]", "null", '"text"', "5", "1e999", "{}", "[" * 9_000, '{"a": '),
    *(json.dumps(value) for value in (STRANGE, DEEPER)),
]
# Service's method and path, the statuses to try, and what the run may then end with.
ENDPOINTS = [
    ("GET", "/_/oidc/audience", (200, 403, 502), "index-answer-malformed"),
    ("POST", MINT, (200, 403, 422, 502), "index-answer-malformed"),
    ("GET", "/simple/", (200, 403, 502), "index-answer-malformed"),
    ("POST", LEGACY, (400, 403, 502), "upload-refused"),
]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [(method, path, s, code) for method, path, statuses, code in ENDPOINTS for s in statuses],
)
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_strange_answers(
    stage: Stage, method: str, path: str, status: int, code: str, body: str
) -> None:
    kind = "text/html" if body == PROXY else "application/json"
    stage.fault("pypi", method, path, status=status, body=body, content_type=kind)
    error = stage.refused(code, 7 if path == LEGACY else 6)
    assert error["facts"]["status"] == status
    if path == LEGACY:
        want = "Please log in" if body == PROXY else body[:600].strip() or f"{status} "
        assert error["facts"]["answer"].startswith(want)
    else:
        assert path in error["facts"]["url"]
        assert error["facts"].get("answer", body[:600]) == body[:600]


@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_strange_provenance(stage: Stage, status: int, body: str) -> None:
    """What can't be read may be read later; what is an object and no provenance proves nothing."""
    stage.attestations = "required"
    stage.fault("pypi", "GET", "/integrity/", status=status, body=body)
    exit_code, finding, _ = stage.run()
    other = status == 200 and body.startswith("{") and body.endswith("}")
    assert exit_code == (8 if other else 0)
    assert finding["code"] == ("arrival-unproven" if other else "not-visible-yet")
    reasons = [one["facts"].get("reason") for one in stage.findings()]
    assert any(reasons)


# The documents


def table(code: str) -> list[tuple[str, ...]]:
    """The rows of the table in the section of an error, without its head."""
    text = (HERE.parent / "docs" / "errors.md").read_text("utf-8")
    section = text.partition(f"\n## {code}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[2:]]


def written(text: str) -> str:
    """A text with what varies in it in capitals."""
    return re.sub(r"\{(\w+)\}", lambda found: found[1].upper(), text)


def first(text: str) -> str:
    """The first sentence of a hint."""
    sentence = re.match(r".+?[.?](?=\s|$)", written(text))
    assert sentence, text
    return sentence[0]


def test_the_document_has_all_that_the_mint_says() -> None:
    rows = table("mint-refused")
    known = {f"`{written(says)}`": first(why) for says, why in CAUSES.items()}
    known["anything else"] = first(refusals.UNKNOWN)
    assert {says: reads for _, says, _, reads in rows} == known
    assert len(rows) == len(known)
    assert all(provokes for _, _, provokes, _ in rows)
    tried = {(code, refusals.find(CAUSES, text)[0]) for code, _, text, *_ in MINTED}
    shown = {(f"`{code}`", f"`{written(says)}`") for code, says in tried if says}
    assert {(code, says) for code, says, *_ in rows[:-1]} == shown


def test_the_document_has_all_that_the_upload_says() -> None:
    rows = table("upload-refused")
    known = {f"`{written(says)}`": first(help_) for says, help_ in REJECTIONS.items()}
    known |= {f"any other {status}": first(help_) for status, help_ in STATUSES.items()}
    known["anything else"] = first(refusals.UNKNOWN)
    assert {says: reads for says, _, reads in rows} == known
    assert len(rows) == len(known)
    assert all(provokes for _, provokes, _ in rows)
