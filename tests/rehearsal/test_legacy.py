"""The legacy upload API, row by row of the index's contract."""

from __future__ import annotations

import base64
import hashlib
import io
import random
import tarfile
import threading
import warnings
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support.archives import write_tar
from support.sandbox import Sandbox, form, project_of, sdist, wheel

Fields = Mapping[str, Any]


@pytest.fixture
def token(shared: Sandbox) -> str:
    return shared.mint(shared.persona())


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """A wheel of a project that no other test has; the name comes from the test's folder."""
    return wheel(tmp_path, project_of(tmp_path))


def test_what_the_listing_says(shared: Sandbox, token: str, new: Path) -> None:
    answer = shared.upload(token, new, form(new, requires_python=">=3.9"))
    assert (answer.status_code, answer.reason) == (200, "OK")
    assert "<title>200 OK</title>" in answer.text
    name = new.name.split("-")[0]
    (file,) = shared.listing(name).json()["files"]
    assert file["filename"] == new.name
    assert file["requires-python"] == ">=3.9"
    assert file["provenance"] is None
    assert file["size"] == new.stat().st_size
    assert file["hashes"] == {"sha256": hashlib.sha256(new.read_bytes()).hexdigest()}
    assert shared.http.get(file["url"]).content == new.read_bytes()


def test_sdist(shared: Sandbox, token: str, tmp_path: Path) -> None:
    path = sdist(tmp_path, project_of(tmp_path))
    assert shared.upload(token, path).status_code == 200


def test_identical_again(shared: Sandbox, token: str, new: Path) -> None:
    for _ in range(2):
        assert shared.upload(token, new).status_code == 200
    assert len(shared.listing(new.name.split("-")[0]).json()["files"]) == 1


def test_known_names_and_contents(shared: Sandbox, token: str, new: Path, tmp_path: Path) -> None:
    assert shared.upload(token, new).status_code == 200
    copy = tmp_path / new.name.replace("-1.0-", "-2.0-")
    copy.write_bytes(new.read_bytes())
    with zipfile.ZipFile(new, "a") as archive:
        archive.writestr("more", "")
    for path in (new, copy):
        answer = shared.upload(token, path)
        blake2 = hashlib.blake2b(path.read_bytes(), digest_size=32).hexdigest()
        wanted = f"File already exists ({path.name!r}, with blake2_256 hash {blake2!r}). See "
        assert answer.status_code == 400
        assert answer.reason.startswith(wanted)


def _changed(**changes: Any) -> Callable[[Path], Fields]:
    return lambda path: form(path, **changes)


LONG = "x" * 513
REFUSED: dict[str, tuple[Callable[[Path], Fields], str]] = {
    "protocol": (_changed(protocol_version="2"), "Unknown protocol version."),
    "action": (_changed(action="other"), "Invalid value for :action."),
    "filetype": (_changed(filetype="bdist_egg"), "Invalid value for filetype."),
    "pyversion": (_changed(pyversion=""), "Invalid value for pyversion."),
    "pyversion-sdist": (_changed(filetype="sdist"), "Invalid value for pyversion."),
    "digest": (_changed(sha256_digest=None), "Error: Include at least one message digest."),
    "metadata-version": (_changed(metadata_version="3.0"), "'3.0' is not a valid metadata version"),
    "no-metadata-version": (
        _changed(metadata_version=None),
        "None is not a valid metadata version",
    ),
    "name": (_changed(name="-x"), "'-x' is an invalid value for Name"),
    "unknown": (_changed(name="UNKNOWN"), "'' is an invalid value for Name"),
    "version": (_changed(version="one"), "'one' is invalid for 'version'. See "),
    "local": (_changed(version="1+x"), "The use of local versions in '1+x' is not allowed."),
    "newer": (_changed(metadata_version="2.6"), "'2.6' is not a valid metadata version. See"),
    "dynamic": (_changed(dynamic=["dynamic"]), "Dynamic field 'dynamic' is not a valid dynamic"),
    "summary": (_changed(summary=LONG), "'summary' field must be 512 characters or less."),
    "summary-lines": (_changed(summary="a\nb"), "'summary' must be a single line. See "),
    "url-label": (_changed(project_urls=["x" * 33 + ", https://example.org"]), "'xxx"),
    "licenses": (
        _changed(license="MIT", license_expression="MIT"),
        "License is deprecated when License-Expression is present.",
    ),
    "direct": (_changed(requires_dist=["a", "b @ https://example.org"]), "Can't have direct dep"),
    "requirement": (_changed(requires_dist=["a b c"]), "'a b c' is invalid for 'requires-dist'. "),
    "python": (_changed(requires_python="3"), "'3' is invalid for 'requires-python'. "),
    "description": (_changed(description_content_type="text/html"), "'description-content-type'"),
    "sha256": (_changed(sha256_digest="0" * 64), "The digest supplied does not match a digest"),
    "md5": (_changed(md5_digest="0" * 32), "The digest supplied does not match a digest"),
    "blake2": (_changed(blake2_256_digest="0" * 64), "The digest supplied does not match a digest"),
    "file-version": (_changed(version="1.1"), "Version in filename should be '1.1' not '1.0'."),
    "file-name": (_changed(name="other"), "Start filename for 'other' with 'other'."),
    "no-name": (_changed(name=""), "'' is an invalid value for Name. Error: This field is"),
    "no-filetype": (_changed(filetype=""), "Invalid value for filetype. Error: This field is"),
    "hex": (_changed(blake2_256_digest="x"), "Invalid value for blake2_256_digest. Error: Use a"),
    "hex-sha": (_changed(sha256_digest="x"), "Invalid value for sha256_digest. Error: Use a val"),
    "twice": (_changed(summary=["a", "b"]), "'summary' has invalid data. See"),
    "email": (_changed(author_email="A <a@b>"), "'a@b' is not a valid email address: "),
    "home": (_changed(home_page="widget"), "'widget' is not a valid url. See"),
    "url-twice": (_changed(project_urls=["A, b", "A, c"]), "'project_urls' has invalid data. See"),
    "no-label": (_changed(project_urls=[",https://example.org"]), "Must have a label. See"),
    "no-url": (_changed(project_urls=["A"]), "Must have a URL. See"),
    "bad-url": (_changed(project_urls=["A, b"]), "'b' is not a valid url. See"),
    "provides": (_changed(provides_dist=["a b c"]), "'a b c' is invalid: "),
    "obsoletes": (_changed(obsoletes_dist=["a @ https://b.example"]), "Can't have direct depende"),
    "too-early": (
        _changed(metadata_version="2.1", license_expression="MIT"),
        "license-expression introduced in metadata version 2.4, not 2.1. See",
    ),
    "license-file": (_changed(license_file=["LICENSE"]), "License-File LICENSE does not exist in"),
}


@pytest.mark.parametrize("rule", REFUSED)
def test_forms(shared: Sandbox, token: str, new: Path, rule: str) -> None:
    fields, text = REFUSED[rule]
    answer = shared.upload(token, new, fields(new))
    assert answer.status_code == 400
    assert answer.reason.startswith(text)
    assert shared.listing(new.name.split("-")[0]).status_code == 404


def test_fields_that_pass(shared: Sandbox, token: str, new: Path) -> None:
    data = new.read_bytes()
    fields = form(
        new,
        summary="A widget",
        keywords="a,b",
        author_email="A <a@example.org>",
        maintainer_email="A, B <b@example.org>, C",  # several are not looked at
        provides_dist=["a"],
        license_expression="MIT",
        classifiers=["Topic :: X"],
        requires_dist=["a>1", 'b; python_version > "3"'],
        project_urls=["Source, https://example.org"],
        description_content_type="text/markdown; charset=UTF-8",
        author="UNKNOWN",
        md5_digest=hashlib.md5(data).hexdigest(),
        blake2_256_digest=hashlib.blake2b(data, digest_size=32).hexdigest(),
    )
    assert shared.upload(token, new, fields).status_code == 200


def _zip(folder: Path, name: str) -> Path:
    path = folder / f"{name}-1.0.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}-1.0/PKG-INFO", folder.name)
        archive.writestr(f"{name}-1.0/setup.py", "")
    return path


FILES: dict[str, tuple[Callable[[Path, str], Path], str]] = {
    "no-wheel-file": (
        lambda d, n: wheel(d, n, leave_out="WHEEL"),
        "Invalid distribution file. WHEEL not found at",
    ),
    "no-record": (lambda d, n: wheel(d, n, leave_out="RECORD"), "required RECORD file"),
    "no-metadata": (lambda d, n: wheel(d, n, leave_out="METADATA"), "required METADATA file"),
    "linux": (lambda d, n: wheel(d, n, tag="cp311-cp311-linux_x86_64"), "'linux_x86_64'."),
    "no-pkg-info": (lambda d, n: sdist(d, n, inside="README"), "PKG-INFO not found"),
    "no-zip": (lambda d, n: _junk(d, f"{n}-1.0-py3-none-any.whl"), "Invalid distribution file."),
    "no-tar": (lambda d, n: _junk(d, f"{n}-1.0.tar.gz"), "Invalid distribution file."),
    "zip-sdist": (_zip, "is invalid, should be"),
    "capitals": (lambda d, n: sdist(d, n.upper()), "is invalid, should be"),
}


def _archive(
    name: str, members: list[str], method: int = zipfile.ZIP_STORED, data: bytes = b"x"
) -> Callable[[Path, str], Path]:
    """A zip of that name; ``{n}`` is the project's."""

    def make(folder: Path, project: str) -> Path:
        path = folder / name.replace("{n}", project)
        with zipfile.ZipFile(path, "w", method) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the name that is there twice
            for member in [f"{project}-1.0.dist-info/WHEEL", *members]:
                archive.writestr(member, data)
        return path

    return make


def _tar(
    name: str, members: list[str], pax: Mapping[str, str] | None = None, mode: str = "gz"
) -> Callable[[Path, str], Path]:
    def make(folder: Path, project: str) -> Path:
        path = folder / name.replace("{n}", project)
        with tarfile.open(  # type: ignore[call-overload]  # its types know each mode by itself only
            str(path), f"w:{mode}", format=tarfile.PAX_FORMAT
        ) as archive:
            for member in [f"{project}-1.0/PKG-INFO", f"{project}-1.0/setup.py", *members]:
                info = tarfile.TarInfo(member)
                info.pax_headers = dict(pax or {})
                archive.addfile(info)
        return path

    return make


def _both(folder: Path, project: str) -> Path:
    """Tars are known by their beginning, zips by their end."""
    tar = _tar("a.tar.gz", [], mode="")(folder, project)
    path = _archive("{n}-1.0-py3-none-any.whl", [])(folder, project)
    path.write_bytes(tar.read_bytes() + path.read_bytes())
    return path


def _cut(folder: Path, project: str) -> Path:
    path = folder / f"{project}-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for member in ("PKG-INFO", "data"):
            info = tarfile.TarInfo(f"{project}-1.0/{member}")
            info.size = 100_000
            archive.addfile(info, io.BytesIO(random.Random(1).randbytes(info.size)))
    path.write_bytes(path.read_bytes()[:150_000])
    return path


WHEEL = "{n}-1.0-py3-none-any.whl"
SDIST = "{n}-1.0.tar.gz"
SPARSE = {"GNU.sparse.map": "0,1", "GNU.sparse.size": "1"}
INSIDES: dict[str, tuple[Callable[[Path, str], Path], str]] = {
    "both": (_both, "Invalid distribution file. File is both a zip and a tar file"),
    "bomb": (
        _archive(WHEEL, ["b"], zipfile.ZIP_DEFLATED, b"0" * (33 * 1024**2)),
        "Invalid distribution file. File exceeds compression ratio of 50",
    ),
    "method": (_archive(WHEEL, [], zipfile.ZIP_BZIP2), "Invalid distribution file. File does not"),
    "no-tags": (_archive("{n}-1.0.whl", []), "Invalid distribution file. Unable to parse name"),
    "double": (_archive(WHEEL, ["b", "b"]), "Invalid distribution file. ZIP archive not accepted"),
    "zip-tops": (_archive("{n}-1.0.zip", []), "Invalid distribution file. PKG-INFO not found at"),
    "tar-tops": (_tar(SDIST, ["b"]), "Invalid distribution file. Incorrect number of top-level"),
    "sparse": (_tar(SDIST, [], SPARSE), "Invalid distribution file. tar archive not accepted: S"),
    "no-gzip": (_tar(SDIST, [], mode=""), "Invalid distribution file. None"),
    "cut": (_cut, "Invalid distribution file. None"),
    "no-dash": (_tar("{n}-.tar.gz", []), "Invalid source distribution filename: "),
    "other": (_tar("x-1.0.tar.gz", []), "Start filename for 'p"),
    "alone": (
        lambda d, n: write_tar(d / f"{n}-1.0.tar.gz", {f"{n}-1.0/PKG-INFO": ""}),
        "Invalid distribution file. PKG-INFO not found at",
    ),
    "half-tags": (_archive("{n}-1.0-py3.whl", []), "Invalid wheel filename"),
    "upper": (
        _archive("{n}-1.0-py3-none-any.WHL", []),
        "Invalid file extension: Extension .WHL is invalid for filetype bdist_wheel.",
    ),
    "control": (_archive("\x7f{n}-1.0-py3-none-any.whl", []), "Cannot upload a file with non-pr"),
    "extension": (_archive("{n}-1.0.exe", []), "Invalid file extension: Use .tar.gz, .whl or"),
}


def _trailing(data: bytes) -> bytes:
    return data + b"more"


def _prepended(data: bytes) -> bytes:
    return b"more" + data


def _streamed(data: bytes) -> bytes:
    return data[:6] + bytes([data[6] | 8]) + data[7:]


def _other_name(data: bytes) -> bytes:
    return data[:30] + b"x" + data[31:]


def _other_size(data: bytes) -> bytes:
    return data[:22] + bytes([data[22] ^ 1]) + data[23:]


@pytest.mark.parametrize("change", [_trailing, _prepended, _streamed, _other_name, _other_size])
def test_zips_that_are_read_in_two_ways(
    shared: Sandbox, token: str, new: Path, change: Callable[[bytes], bytes]
) -> None:
    new.write_bytes(change(new.read_bytes()))
    answer = shared.upload(token, new)
    text = "Invalid distribution file. ZIP archive not accepted: "
    assert (answer.status_code, answer.reason[: len(text)]) == (400, text)


def test_a_zip_with_wide_sizes_and_a_comment(shared: Sandbox, token: str, new: Path) -> None:
    with zipfile.ZipFile(new, "a") as archive:
        archive.comment = b"made by hand"
        with archive.open("big", "w", force_zip64=True) as member:
            member.write(b"1" * 99)
    assert shared.upload(token, new).status_code == 200


def test_an_empty_line_in_the_record(shared: Sandbox, token: str, tmp_path: Path) -> None:
    path = wheel(tmp_path, project_of(tmp_path), leave_out="RECORD")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{path.name.removesuffix('-py3-none-any.whl')}.dist-info/RECORD", "\n")
    assert shared.upload(token, path).status_code == 500


def test_a_name_with_no_room_for_metadata(shared: Sandbox, token: str, tmp_path: Path) -> None:
    name = project_of(tmp_path)
    path = wheel(tmp_path, name, tag=f"cp311-{'x' * (247 - len(f'{name}-1.0-cp311--any.whl'))}-any")
    assert len(path.name) == 247
    answer = shared.upload(token, path)
    assert answer.reason.startswith("Filename is too long")


@pytest.mark.parametrize("rule", INSIDES)
def test_insides(shared: Sandbox, token: str, tmp_path: Path, rule: str) -> None:
    make, text = INSIDES[rule]
    name = project_of(tmp_path)
    path = make(tmp_path, name)
    is_sdist = path.suffix in {".gz", ".zip"}
    kind = {"filetype": "sdist", "pyversion": ""} if is_sdist else {"filetype": "bdist_wheel"}
    fields = form(path, **{"pyversion": "py3", **kind}, name=name, version="1.0")
    answer = shared.upload(token, path, fields)
    assert (answer.status_code, answer.reason[: len(text)]) == (400, text)


def test_a_name_in_capitals(shared: Sandbox, token: str, tmp_path: Path) -> None:
    name = project_of(tmp_path)
    path = wheel(tmp_path, name.upper())
    answer = shared.upload(token, path, form(path, name=name))
    assert "should contain the normalized project name" in answer.reason


def _junk(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(b"junk " + name.encode())
    return path


@pytest.mark.parametrize("rule", FILES)
def test_files(shared: Sandbox, token: str, tmp_path: Path, rule: str) -> None:
    make, text = FILES[rule]
    path = make(tmp_path, project_of(tmp_path))
    stem = path.name.removesuffix(".zip")
    fields = form(path, version="1.0", name=stem.split("-")[0])
    answer = shared.upload(token, path, fields)
    assert answer.status_code == 400
    assert text in answer.reason


@pytest.mark.parametrize(
    "tag",
    [
        "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "cp311-cp311-macosx_11_0_arm64",
        "cp311-cp311-win_amd64",
        "cp311-cp311-musllinux_1_2_aarch64",
    ],
)
def test_platforms(shared: Sandbox, token: str, tmp_path: Path, tag: str) -> None:
    assert shared.upload(token, wheel(tmp_path, project_of(tmp_path), tag=tag)).status_code == 200


def test_license_files(shared: Sandbox, token: str, tmp_path: Path) -> None:
    name = project_of(tmp_path)
    path = wheel(tmp_path, name, more={f"{name}-1.0.dist-info/licenses/LICENSE": "MIT"})
    assert shared.upload(token, path, form(path, license_file=["LICENSE"])).status_code == 200
    members = {"T/PKG-INFO": tmp_path.name, "T/LICENSE": ""}
    renamed = write_tar(tmp_path / f"{name}-1.0.tar.gz", members)
    assert shared.upload(token, renamed, form(renamed, license_file=["L"])).status_code == 400
    assert shared.upload(token, renamed, form(renamed, license_file=["LICENSE"])).status_code == 200
    name = f"{name}x"
    source = sdist(tmp_path, name)
    answer = shared.upload(token, source, form(source, license_file=["LICENSE"]))
    assert answer.reason.endswith(f"file {source.name} at {name}-1.0/LICENSE")


def test_one_sdist(shared: Sandbox, token: str, tmp_path: Path) -> None:
    name = project_of(tmp_path)
    assert shared.upload(token, sdist(tmp_path, name)).status_code == 200
    assert shared.upload(token, wheel(tmp_path, name)).status_code == 200
    answer = shared.upload(token, sdist(tmp_path, name, "1.0.0"))
    assert answer.reason == "Only one sdist may be uploaded per release."


def test_parts_that_are_files(shared: Sandbox, token: str, new: Path) -> None:
    files = {"attestations": ("a.json", b"[]")}
    answer = shared.upload(token, new, files=files)
    assert answer.reason == "attestations: Should not be a tuple."
    signature = {"gpg_signature": ("a.asc", b"old")}
    assert shared.upload(token, new, files=signature).status_code == 200


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "Upload payload does not have a file."),
        (("p-1.0-py3-none-any.whl", b"x", "image/png"), "Invalid distribution file."),
        (("a/p-1.0-py3-none-any.whl", b"x"), "Cannot upload a file with '/' or"),
    ],
)
def test_contents(shared: Sandbox, token: str, new: Path, content: Any, text: str) -> None:
    files = {"content": content} if content else {"gpg_signature": ("a.asc", b"x")}
    answer = shared.http.post(
        f"{shared.index}/legacy/", data=form(new), files=files, auth=("__token__", token)
    )
    assert answer.status_code == 400
    assert answer.reason.startswith(text)


@pytest.mark.parametrize("action", ["submit", "doc_upload"])
def test_what_is_gone(shared: Sandbox, token: str, new: Path, action: str) -> None:
    assert shared.upload(token, new, form(new, action=action)).status_code == 410


def test_no_form(shared: Sandbox, token: str) -> None:
    answer = shared.http.post(f"{shared.index}/legacy/", data=b"x", auth=("__token__", token))
    assert answer.status_code == 400
    assert answer.reason.startswith("Invalid form: ")


def test_redirect(shared: Sandbox, token: str, new: Path) -> None:
    answer = shared.http.post(
        f"{shared.index}/legacy",
        data=form(new),
        files={"content": (new.name, new.read_bytes())},
        auth=("__token__", token),
    )
    assert [hop.status_code for hop in answer.history] == [308]
    assert answer.status_code == 200


def test_the_shapes_of_a_refusal(shared: Sandbox, token: str, new: Path) -> None:
    fields = form(new, requires_dist=["<b>"])
    text = "'<b>' is invalid for 'requires-dist'. See "
    value = shared.upload(token, new, fields, accept="application/json").json()
    assert value["title"] == "Bad Request"
    assert value["code"].startswith(f"400 {text}")
    assert text in value["message"]
    page = shared.upload(token, new, fields)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<h1>400 &#x27;&lt;b&gt;" in page.text
    plain = shared.upload(token, new, fields, accept="text/plain")
    assert plain.headers["Content-Type"].startswith("text/plain")
    assert plain.text.startswith(f"400 {text}")


def _auth(kind: str, token: str) -> str:
    basic = base64.b64encode(f"__token__:{token}".encode()).decode()
    user = base64.b64encode(f"user:{token}".encode()).decode()
    return {
        "basic": f"Basic {basic}",
        "bearer": f"Bearer {token}",
        "token": f"token {token}",
        "user": f"Basic {user}",
        "digest": f"Digest {basic}",
        "junk": "Basic \xff",
        "binary": "Basic " + base64.b64encode(b"\xff\xff").decode(),
        "wrong": "Bearer pypi-nothing",
    }[kind]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("basic", 200),
        ("bearer", 200),
        ("token", 200),
        ("user", 403),
        ("digest", 403),
        ("junk", 403),
        ("binary", 403),
        ("wrong", 403),
    ],
)
def test_authorization(shared: Sandbox, token: str, new: Path, kind: str, status: int) -> None:
    answer = shared.http.post(
        f"{shared.index}/legacy/",
        data=form(new),
        files={"content": (new.name, new.read_bytes())},
        headers={"Authorization": _auth(kind, token).encode("latin-1")},
    )
    assert answer.status_code == status
    if status == 403:
        assert answer.reason.startswith("Invalid or non-existent authentication information.")


def test_burned_and_expired_tokens(shared: Sandbox, token: str, new: Path) -> None:
    shared.http.post(f"{shared.index}/_/oidc/burn-token", json={"token": token})
    assert shared.upload(token, new).status_code == 403
    expired = shared.post("api-token", {"seconds": -1}).json()["tokens"]["pypi"]
    answer = shared.upload(expired, new)
    assert answer.status_code == 403
    assert answer.reason == "Invalid API Token: token is expired, token is expired"


def test_tokens_are_for_projects(shared: Sandbox, token: str, tmp_path: Path) -> None:
    name = project_of(tmp_path)
    (tmp_path / "other").mkdir()
    mine, other = wheel(tmp_path, name), wheel(tmp_path / "other", f"{name}x")
    workflow = f"octo-org/{name}/.github/workflows/release.yml@refs/tags/v1.0"
    claims = {"repository": f"octo-org/{name}", "job_workflow_ref": workflow}
    options: dict[str, Any] = {"claims": claims, "publisher": {"repository": f"octo-org/{name}"}}
    shared.persona(**options, projects=["unrelated"])
    narrow = shared.mint(shared.persona(**options, projects=[name.upper()]))
    assert shared.upload(narrow, mine).status_code == 200
    answer = shared.upload(narrow, other)
    assert answer.status_code == 400
    assert answer.reason.startswith("Non-user identities cannot create new projects.")
    assert shared.upload(token, other).status_code == 200
    again = wheel(tmp_path / "other", f"{name}x", "2.0")
    answer = shared.upload(narrow, again)
    assert answer.status_code == 403
    oidc = f"OIDC scoped token is not valid for project '{name}x'"
    scoped = f"project-scoped token is not valid for project: '{name}x'"
    assert answer.reason == f"Invalid API Token: {oidc}, {scoped}, {oidc}, {scoped}"
    user = shared.post("api-token", {"projects": [name]}).json()["tokens"]["pypi"]
    assert shared.upload(user, again).status_code == 403


def test_size_limit(fresh: Sandbox, tmp_path: Path) -> None:
    fresh.post("settings", {"file_limit": 10})
    answer = fresh.upload(fresh.mint(fresh.persona()), wheel(tmp_path))
    assert answer.reason.startswith("File too large. Limit for project 'widget' is 0 MB.")


def test_nothing_is_left_of_refused_uploads(fresh: Sandbox, new: Path, tmp_path: Path) -> None:
    token = fresh.mint(fresh.persona())
    assert fresh.upload(token, new, form(new, sha256_digest="0")).status_code == 400
    assert fresh.upload(token, new).status_code == 200
    assert fresh.upload(token, new).status_code == 200
    (folder,) = (tmp_path / "fresh").glob("files-*/pypi")
    assert len(list(folder.iterdir())) == 1


def test_parallel_uploads_of_one_release(shared: Sandbox, token: str, tmp_path: Path) -> None:
    name = project_of(tmp_path)
    wheels = [wheel(tmp_path, name, tag=f"cp3{number}-none-any") for number in range(12)]
    barrier = threading.Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        pool.map(lambda _: barrier.wait(), range(8))
        statuses = list(pool.map(lambda path: shared.upload(token, path).status_code, wheels * 2))
    assert statuses == [200] * 24
    assert len(shared.listing(name).json()["files"]) == 12
