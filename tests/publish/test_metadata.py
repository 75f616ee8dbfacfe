"""One file at a time: names, broken archives and core metadata that an index would refuse."""

from __future__ import annotations

import gzip
import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from publisher import errors
from publisher.errors import PublisherError
from publisher.models import Finding
from publisher.publish import filename
from publisher.publish.dists import read
from publisher.publish.metadata import form
from support.archives import core_metadata, make_sdist, make_wheel, write_tar, write_zip

INFO = "widget-1.0.dist-info"
WHEEL: dict[str, str | bytes] = {
    f"{INFO}/METADATA": core_metadata(),
    f"{INFO}/WHEEL": "Wheel-Version: 1.0\n",
    f"{INFO}/RECORD": "",
}
SDIST: dict[str, str | bytes | tarfile.TarInfo] = {
    "widget-1.0/PKG-INFO": core_metadata(),
    "widget-1.0/pyproject.toml": "",
}
ANY = "widget-1.0-py3-none-any.whl"
LICENSE = "License-File: LICENSE"


@pytest.fixture
def notes() -> list[Finding]:
    return []


def _wheel(folder: Path, **metadata: str) -> Path:
    return make_wheel(folder, **metadata)  # type: ignore[arg-type]  # all of these are str


def _problems(path: Path) -> str:
    with pytest.raises(errors.InvalidMetadata) as caught:
        read(path, lambda _: None)
    problems = caught.value.facts["problems"]
    assert isinstance(problems, list)
    assert caught.value.facts["file"] == path.name
    return "\n".join(problems)


# names


TAKEN = """
any win32 win_amd64 win_arm64 win_ia64 linux_armv6l linux_armv7l manylinux1_x86_64
manylinux1_i686 manylinux2010_i686 manylinux2014_aarch64 manylinux2014_s390x
manylinux_2_17_x86_64.manylinux2014_x86_64 manylinux_2_28_ppc64 manylinux_2_39_riscv64
musllinux_1_2_aarch64 macosx_10_9_x86_64 macosx_11_0_arm64 macosx_26_0_universal2
macosx_27_0_arm64 macosx_15_0_arm64 ios_13_0_arm64_iphonesimulator android_21_arm64_v8a
pyemscripten_2025_0_wasm32
"""


@pytest.mark.parametrize("platform", TAKEN.split())
def test_platforms_that_an_index_takes(platform: str) -> None:
    assert filename.parse(f"widget-1.0-cp311-abi3-{platform}.whl").python == "cp311"


REFUSED = """
linux_x86_64 linux_aarch64 linux_i686 win_x86 manylinux2010_aarch64 manylinux_2_17_mips
manylinux2014_x86_64.linux_x86_64 musllinux_1_2_ppc64 macosx_11_1_arm64 macosx_9_0_ppc
ios_13_0_x86_iphoneos android_21_mips emscripten_3_1_58_wasm32 wasi_0_0_0_wasm32
freebsd_14_amd64 anyx xany macosx_16_0_arm64 pyodide_2024_0_wasm32
"""


@pytest.mark.parametrize("platform", REFUSED.split())
def test_platforms_that_an_index_refuses(platform: str) -> None:
    with pytest.raises(errors.RefusedName, match="has the platform tag") as caught:
        filename.parse(f"widget-1.0-cp311-abi3-{platform}.whl")
    plain_linux = any(part.startswith("linux") for part in platform.split("."))
    assert ("auditwheel" in caught.value.hint) == plain_linux


def test_what_a_name_says() -> None:
    named = filename.parse("my_widget-1.0.post1-7-py2.py3-none-any.whl")
    assert (named.project, str(named.version)) == ("my-widget", "1.0.post1")
    assert (named.python, named.root) == ("py2.py3", "my_widget-1.0.post1.dist-info")
    named = filename.parse("my_widget-1.0rc1.tar.gz")
    assert (named.project, str(named.version)) == ("my-widget", "1.0rc1")
    assert (named.python, named.root) == ("source", "my_widget-1.0rc1")


@pytest.mark.parametrize(
    "name",
    [
        "widget-1.0.zip",
        "widget-1.0-py3.11.egg",
        "widget-1.0.tar.bz2",
        "widget.exe",
        "widget-1.0+local.tar.gz",
        "widget-1.0+local-py3-none-any.whl",
        "Widget-1.0.tar.gz",
        "my-widget-1.0.tar.gz",
        "my.widget-1.0.tar.gz",
        "widget-1.0.0-1.tar.gz",
        "widget-01.0.tar.gz",
        "widget-v1.0.tar.gz",
        "widget.tar.gz",
        "-1.0.tar.gz",
        "_widget-1.0.tar.gz",
        "widget-latest.tar.gz",
        "wídget-1.0.tar.gz",
        "wídget-1.0-py3-none-any.whl",
        "widget-1.0-py3-none-any\n.whl",
        "Widget-1.0-py3-none-any.whl",
        "my.widget-1.0-py3-none-any.whl",
        "_widget-1.0-py3-none-any.whl",
        "widget-1.0-none-any.whl",
        "widget-x-py3-none-any.whl",
        "widget-1.0-x-py3-none-any.whl",
        f"widget-1.0-py3-{'x' * 224}-any.whl",
        ".whl",
        ".tar.gz",
    ],
)
def test_refused_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(errors.RefusedName) as caught:
        read(tmp_path / name, lambda _: None)
    assert caught.value.facts["file"] == name


def test_the_right_name_is_told() -> None:
    with pytest.raises(errors.RefusedName, match=r"should be my_widget-1\.0rc1\.tar\.gz"):
        filename.parse("My.Widget-1.0-rc1.tar.gz".replace("-rc1", "rc01"))


# archives


def _broken(path: Path, match: str, member: str | None = None) -> None:
    with pytest.raises(errors.BrokenArchive, match=match) as caught:
        read(path, lambda _: None)
    assert caught.value.facts.get("member") == member


@pytest.mark.parametrize("needed", ["METADATA", "WHEEL", "RECORD"])
def test_a_wheel_without(tmp_path: Path, needed: str) -> None:
    name = f"{INFO}/{needed}"
    path = write_zip(tmp_path / ANY, {k: v for k, v in WHEEL.items() if k != name})
    _broken(path, f"has no {needed}", name)


@pytest.mark.parametrize(
    ("members", "match"),
    [
        ({}, "no .dist-info folder"),
        ({**WHEEL, "gadget-1.0.dist-info/METADATA": ""}, "gadget-1.0.dist-info, widget-1.0"),
        ({k.replace("1.0", "1.1"): v for k, v in WHEEL.items()}, "where widget-1.0.dist-info"),
    ],
)
def test_the_wrong_dist_info(tmp_path: Path, members: dict[str, str], match: str) -> None:
    _broken(write_zip(tmp_path / ANY, members), match)


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../x", "widget/../../x", "C:/x", "C:x", "..\\x", "//srv/x"],
)
def test_a_wheel_that_writes_outside(tmp_path: Path, name: str) -> None:
    _broken(write_zip(tmp_path / ANY, {**WHEEL, name: ""}), "outside of it", name)


def test_a_member_twice(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    with (
        zipfile.ZipFile(path, "a") as file,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        file.writestr(f"{INFO}/METADATA", "")
    _broken(path, "two members of one name")


def test_another_compression(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_LZMA) as file:
        file.writestr("widget/a.txt", "x" * 100)
    _broken(path, "neither stored nor deflated", "widget/a.txt")


def test_an_encrypted_member(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1
    path.write_bytes(data)
    _broken(path, "encrypted", "widget/__init__.py")


def test_a_zip_bomb(tmp_path: Path) -> None:
    path = write_zip(tmp_path / ANY, {**WHEEL, "widget/zeros": bytes(65 << 20)})
    _broken(path, "more than 50 times its size")


def test_a_damaged_metadata_file(tmp_path: Path) -> None:
    path = tmp_path / ANY
    with zipfile.ZipFile(path, "w") as file:
        for name, content in WHEEL.items():
            file.writestr(name, content)
    path.write_bytes(path.read_bytes().replace(b"Metadata-Version", b"Metadata-Versiom", 1))
    _broken(path, "can't be read .*CRC")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_no_archives(tmp_path: Path, content: bytes) -> None:
    for name in (ANY, "widget-1.0.tar.gz"):
        (tmp_path / name).write_bytes(content)
        _broken(tmp_path / name, "can't be read|no .dist-info")


def _sdist(folder: Path, **more: str | bytes | tarfile.TarInfo) -> Path:
    return write_tar(folder / "widget-1.0.tar.gz", SDIST | more)


def test_an_sdist_without_metadata(tmp_path: Path) -> None:
    members = {"widget-1.0/sub/PKG-INFO": "", "widget-1.0/x": ""}
    path = write_tar(tmp_path / "widget-1.0.tar.gz", members)
    _broken(path, "has no PKG-INFO", "widget-1.0/PKG-INFO")
    path = write_tar(tmp_path / "widget-1.0.tar.gz", {})
    _broken(path, "has no PKG-INFO", "widget-1.0/PKG-INFO")


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("other/x", "second top"),
        ("x", "second top"),
        (".", "second top"),
        ("../x", "outside"),
        ("widget-1.0/../../x", "outside"),
        ("/x", "outside"),
        ("C:/x", "outside"),
    ],
)
def test_an_sdist_with_strange_members(tmp_path: Path, name: str, match: str) -> None:
    _broken(write_tar(tmp_path / "widget-1.0.tar.gz", {**SDIST, name: ""}), match, name)


@pytest.mark.parametrize("top", ["widget-1.1", "Widget-1.0", "gadget", "src/widget"])
def test_the_top_folder_may_have_any_name(tmp_path: Path, top: str) -> None:
    """The index looks for the folder that all members share."""
    members = {f"{top}/LICENSE": "", f"{top}/PKG-INFO": core_metadata(extra_metadata=LICENSE)}
    path = write_tar(tmp_path / "widget-1.0.tar.gz", members)
    assert read(path, lambda _: None).project == "widget"


@pytest.mark.parametrize(
    ("members", "member"),
    [
        (["./widget-1.0/PKG-INFO", "./widget-1.0/x"], "widget-1.0/PKG-INFO"),
        (["widget-1.0/PKG-INFO"], "widget-1.0/PKG-INFO/PKG-INFO"),  # nothing to be beside
    ],
)
def test_names_that_hide_the_metadata(tmp_path: Path, members: list[str], member: str) -> None:
    files = dict.fromkeys(members, core_metadata())
    _broken(write_tar(tmp_path / "widget-1.0.tar.gz", files), "has no PKG-INFO", member)


def _entry(kind: bytes, name: str, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"widget-1.0/{name}")
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    ("kind", "target", "match"),
    [
        (tarfile.SYMTYPE, "/etc/passwd", "link that leads out"),
        (tarfile.SYMTYPE, "../../x", "link that leads out"),
        (tarfile.SYMTYPE, "../../widget-1.00", "link that leads out"),
        (tarfile.LNKTYPE, "other/x", "link that leads out"),
        (tarfile.FIFOTYPE, "", "no file, folder or link"),
        (tarfile.CHRTYPE, "", "no file, folder or link"),
    ],
)
def test_an_sdist_with_strange_types(tmp_path: Path, kind: bytes, target: str, match: str) -> None:
    path = _sdist(tmp_path, entry=_entry(kind, "sub/x", target))
    _broken(path, match, "widget-1.0/sub/x")


def test_an_sdist_with_links_and_folders(tmp_path: Path) -> None:
    path = _sdist(
        tmp_path,
        sub=_entry(tarfile.DIRTYPE, "sub"),
        symlink=_entry(tarfile.SYMTYPE, "sub/x", "../PKG-INFO"),
        top=_entry(tarfile.SYMTYPE, "sub/y", ".."),
        hardlink=_entry(tarfile.LNKTYPE, "z", "widget-1.0/PKG-INFO"),
    )
    assert read(path, lambda _: None).kind == "sdist"


def test_metadata_that_is_a_folder(tmp_path: Path) -> None:
    path = write_tar(
        tmp_path / "widget-1.0.tar.gz",
        {"x": _entry(tarfile.DIRTYPE, "PKG-INFO"), "widget-1.0/x": ""},
    )
    _broken(path, "has no PKG-INFO", "widget-1.0/PKG-INFO")


def test_an_sdist_cut_short(tmp_path: Path) -> None:
    path = make_sdist(tmp_path, size=50_000)
    path.write_bytes(path.read_bytes()[:-20_000])
    _broken(path, "can't be read")


def test_a_wrong_checksum_at_the_very_end(tmp_path: Path) -> None:
    path = make_sdist(tmp_path, size=3_000_000)
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    _broken(path, "CRC")


def test_a_damaged_header_in_the_middle(tmp_path: Path) -> None:
    path = make_sdist(tmp_path)
    plain = bytearray(gzip.decompress(path.read_bytes()))
    plain[plain.index(b"widget-1.0/pyproject.toml")] ^= 1
    path.write_bytes(gzip.compress(plain))
    _broken(path, "damaged header")


def test_a_tar_inside_cut_short(tmp_path: Path) -> None:
    path = make_sdist(tmp_path, size=50_000)
    plain = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(plain[: len(plain) // 2]))
    _broken(path, "can't be read")


def _outcome(path: Path) -> str | None:
    try:
        read(path, lambda _: None)
    except PublisherError as error:
        return error.code
    return None


@pytest.mark.parametrize("make", [make_wheel, make_sdist])
def test_damage_never_surprises(tmp_path: Path, make: object) -> None:
    """Damaged files are read or refused with a cause; a library's exception never comes out."""
    assert callable(make)
    path: Path = make(tmp_path, size=200)
    good = path.read_bytes()
    chance = random.Random(1)
    for _ in range(400):
        bad = bytearray(good if path.suffix == ".whl" else gzip.decompress(good))
        for _ in range(chance.randint(1, 8)):
            at = chance.randrange(len(bad))
            bad[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        if chance.random() < 0.2:
            del bad[chance.randrange(len(bad)) :]
        path.write_bytes(bad if path.suffix == ".whl" else gzip.compress(bad, 1))
        assert _outcome(path) in {None, "broken-archive", "invalid-metadata", "metadata-mismatch"}


def test_damaged_metadata_never_surprises(tmp_path: Path) -> None:
    lines = [
        b"Description-Content-Type: text/x-rst; charset=utf-8; x", b"Keywords: a,b",
        b"Project-URL: a", b"Project-URL: a, b", b"Requires-Dist: x @ y", b"Requires-Dist: [",
        b"License-File: ../x", b"Dynamic: Name", b"Name: \xff", b"Content-Type: multipart/mixed",
        b"Content-Transfer-Encoding: base64", b"Content-Type: text/plain; charset=nonsense",
        b"Import-Name: a.b", b"Summary: =?utf-8?q?=00?=", b" continued", b"no header", b"\x00",
        b"Metadata-Version: 99.0", b"Classifier: Private :: x", b"Version: 1.0", b"",
    ]  # fmt: skip
    chance = random.Random(2)
    for _ in range(200):
        head = core_metadata(description="").strip().encode().splitlines()
        chosen = [*head, *chance.choices(lines, k=chance.randint(1, 5))]
        chance.shuffle(chosen)
        text = b"\n".join(chosen) + b"\n\n" + chance.choice([b"", b"\xff", b"*a\n==", b"text"])
        path = write_zip(tmp_path / ANY, {**WHEEL, f"{INFO}/METADATA": text})
        assert _outcome(path) in {None, "invalid-metadata", "metadata-mismatch"}


# core metadata


def test_the_form(tmp_path: Path, notes: list[Finding]) -> None:
    extra = """
Keywords: turning,things
Classifier: Topic :: Utilities
Classifier: Typing :: Typed
Project-URL: Source, https://example.org/w
Requires-Dist: gadget>=1
Provides-Extra: more
License-Expression: MIT
License-File: LICENSE
Import-Name: widget
Import-Namespace: things
"""
    path = make_wheel(
        tmp_path,
        "My_Widget",
        metadata_version="2.5",
        extra_metadata=extra,
        members={"my_widget-1.0.dist-info/licenses/LICENSE": "MIT"},
    )
    dist = read(path, notes.append)
    assert notes == []
    assert sorted(form(dist)) == sorted(
        [
            ("metadata_version", "2.5"),
            ("name", "My-Widget"),
            ("version", "1.0"),
            ("summary", "A thing that turns"),
            ("description", "# Widget\n\nIt turns.\n"),
            ("description_content_type", "text/markdown"),
            ("keywords", "turning, things"),
            ("classifiers", "Topic :: Utilities"),
            ("classifiers", "Typing :: Typed"),
            ("project_urls", "Source, https://example.org/w"),
            ("requires_dist", "gadget>=1"),
            ("provides_extra", "more"),
            ("license_expression", "MIT"),
            ("license_file", "LICENSE"),
            ("import_name", "widget"),
            ("import_namespace", "things"),
            ("pyversion", "py3"),
            ("filetype", "bdist_wheel"),
            ("sha256_digest", dist.sha256),
        ]
    )


def test_the_form_is_twines(tmp_path: Path) -> None:
    """Byte for byte what twine's own way makes of the files, but for the digests."""
    from twine.package import PackageFile
    from twine.repository import Repository

    extra = "Keywords: a,b\nProject-URL: A, https://example.org\nAuthor-email: a@example.org"
    for path in (
        make_wheel(tmp_path, "my.widget", extra_metadata=extra),
        make_sdist(tmp_path, "my.widget", extra_metadata=extra),
    ):
        package = PackageFile.from_filename(str(path), None)
        theirs = Repository._convert_metadata_to_list_of_tuples(package.metadata_dictionary())
        expected = {pair for pair in theirs if pair[0] != "blake2_256_digest"}
        assert set(form(read(path, lambda _: None))) == expected


def test_the_form_of_an_sdist(tmp_path: Path) -> None:
    fields = dict(form(read(make_sdist(tmp_path), lambda _: None)))
    assert (fields["filetype"], fields["pyversion"]) == ("sdist", "source")
    assert not fields.keys() & {":action", "protocol_version", "blake2_256_digest", "md5_digest"}


def test_a_file_called_metadata_elsewhere(tmp_path: Path) -> None:
    """twine would take the first member that has METADATA in its path."""
    path = write_zip(tmp_path / ANY, {"METADATA": core_metadata("gadget"), **WHEEL})
    assert dict(form(read(path, lambda _: None)))["name"] == "widget"


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        ("Summary: again", "'summary'"),
        ("Requires-Dist: !", "requires-dist"),
        ("Requires-Dist: gadget @ https://example.org/g.whl", "can't have a direct dependency"),
        ("Provides-Dist: gadget @ https://example.org/g.whl", "can't have a direct dependency"),
        ("Obsoletes-Dist: gadget @ https://example.org/g.whl", "can't have a direct dependency"),
        ("Requires-Python: three", "requires-python"),
        (f"Project-URL: {'x' * 33}, https://example.org", "longer than 32"),
        ("Project-URL: , https://example.org", "needs a label and a URL"),
        ("Project-URL: Home", "needs a label and a URL"),
        ("Classifier: Private :: Do Not Upload", "says not to publish"),
        ("License-Expression: MIT\nLicense: MIT", "not allowed beside"),
        ("License-File: LICENSE", "does not exist in the archive"),
        ("Import-Name: widget", "introduced in metadata version 2.5"),
        ("Description-Content-Type: text/html", "text/html"),
        ("Provides-Dist: a b c", "provides-dist is invalid"),
        ("Author-email: Ann <ann@nowhere>", "author-email: 'ann@nowhere' is no e-mail address"),
        ("Maintainer-email: Ann", "maintainer-email: 'Ann' is no e-mail address"),
        ("Home-page: example.org", "home-page is no http(s) URL"),
        ("Download-URL: ftp://example.org", "download-url is no http(s) URL"),
        ("Project-URL: Docs, docs/index.md", "project-url 'Docs' is no http(s) URL"),
        ("Dynamic: Dynamic", "not a valid dynamic field"),
    ],
)
def test_invalid_metadata(tmp_path: Path, extra: str, problem: str) -> None:
    assert problem in _problems(_wheel(tmp_path, extra_metadata=extra))


@pytest.mark.parametrize(
    "extra",
    [
        "Unheard-Of: 1",
        "Author-email: A <a@example.org>, B <b@example.org>",
        "Author-email: Smith, Ann <ann@example.org>",
        "Author-email: UNKNOWN\nHome-page: UNKNOWN\nPlatform: UNKNOWN\nDownload-URL:",
        "License-Expression: MIT\nLicense: UNKNOWN",
        "License-Expression: MIT\nClassifier: License :: OSI Approved :: MIT License",
        "License-Expression:\nRequires-Dist:\nLicense-File:",
        "Home-page: https://example.org:8080/a?b#c",
        "Project-URL: Docs, https:docs",
        "Classifier: Framework :: Invented Tomorrow",
        "Dynamic: License-File\nDynamic: Requires-Dist",
        'Requires-Dist: gadget>=1; python_version > "3"',
    ],
)
def test_metadata_that_an_index_takes(tmp_path: Path, extra: str) -> None:
    assert read(_wheel(tmp_path, extra_metadata=extra), lambda _: None).kind == "wheel"


def test_the_version_in_the_name_of_an_sdist(tmp_path: Path) -> None:
    """1.0.0 is 1.0, and a wheel may say either."""
    files = {"w/PKG-INFO": core_metadata(), "w/x": ""}
    with pytest.raises(errors.MetadataMismatch):
        read(write_tar(tmp_path / "widget-1.0.0.tar.gz", files), lambda _: None)
    info = "widget-1.0.0.dist-info"
    wheel = {name.replace(INFO, info): text for name, text in WHEEL.items()}
    path = write_zip(tmp_path / "widget-1.0.0-py3-none-any.whl", wheel)
    assert read(path, lambda _: None).version == "1.0.0"


def test_every_problem_is_listed(tmp_path: Path) -> None:
    extra = "Summary: again\nRequires-Python: three\nClassifier: Private :: x\nProject-URL: a"
    problems = _problems(_wheel(tmp_path, extra_metadata=extra)).splitlines()
    assert len(problems) == 4


def test_a_broken_description_is_listed_with_the_rest(tmp_path: Path) -> None:
    extra = "Requires-Dist: x @ https://x.example/x.whl\nDescription-Content-Type: text/x-rst"
    problems = _problems(_wheel(tmp_path, extra_metadata=extra, description="Title\n==\n\n`x`_"))
    assert "direct dependency" in problems
    assert "the description does not render: line" in problems


@pytest.mark.parametrize(
    ("replace", "by", "problem"),
    [
        ("Summary: A thing", f"Summary: {'x' * 513}", "longer than 512"),
        ("Name: widget", "Name: wídget", "name"),
        ("Name: widget", "Name: -widget", "name"),
        ("Version: 1.0", "Version: one", "version"),
        ("Name: widget\n", "", "name"),
        ("Metadata-Version: 2.4", "Metadata-Version: 1.9", "metadata version"),
        ("Metadata-Version: 2.4", "Metadata-Version: new", "metadata version"),
        ("Metadata-Version: 2.4\n", "", "metadata"),
    ],
)
def test_other_invalid_metadata(tmp_path: Path, replace: str, by: str, problem: str) -> None:
    text = core_metadata().replace(replace, by)
    path = write_zip(tmp_path / ANY, {**WHEEL, f"{INFO}/METADATA": text})
    assert problem in _problems(path)


def test_license_file_of_an_old_metadata_version(tmp_path: Path) -> None:
    path = _wheel(tmp_path, metadata_version="2.1", extra_metadata="License-File: LICENSE")
    assert "license_file" not in dict(form(read(path, lambda _: None)))


def test_license_file_of_an_sdist(tmp_path: Path) -> None:
    path = make_sdist(tmp_path, extra_metadata="License-File: LICENSE")
    assert "at widget-1.0/LICENSE" in _problems(path)
    path = make_sdist(tmp_path, extra_metadata="License-File: LICENSE", members={"LICENSE": ""})
    assert dict(form(read(path, lambda _: None)))["license_file"] == "LICENSE"


@pytest.mark.parametrize("version", ["2.6", "2.99", "3.0"])
def test_a_newer_metadata_version(tmp_path: Path, version: str) -> None:
    problems = _problems(_wheel(tmp_path, metadata_version=version))
    assert f"metadata version {version} is newer than 2.5" in problems


@pytest.mark.parametrize(
    "header",
    ["Content-Type: multipart/mixed; boundary=x", "Content-Type: message/rfc822"],
)
def test_metadata_that_is_another_kind_of_mail(tmp_path: Path, header: str) -> None:
    path = _wheel(tmp_path, extra_metadata=header, description="--x\n\nhi\n--x--\n")
    assert "'description'" in _problems(path)


def test_a_parser_that_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(_: bytes) -> None:  # packaging 26.0 did, on a multipart message
        raise AttributeError("'NoneType' object has no attribute 'decode'")

    monkeypatch.setattr("packaging.metadata.parse_email", explode)
    assert "can't be parsed" in _problems(_wheel(tmp_path))


@pytest.mark.parametrize(("name", "version"), [("gadget", "1.0"), ("widget", "1.1")])
def test_name_and_metadata_disagree(tmp_path: Path, name: str, version: str) -> None:
    text = core_metadata(name, version)
    for path in (
        write_zip(tmp_path / ANY, {**WHEEL, f"{INFO}/METADATA": text}),
        write_tar(tmp_path / "widget-1.0.tar.gz", {**SDIST, "widget-1.0/PKG-INFO": text}),
    ):
        with pytest.raises(errors.MetadataMismatch) as caught:
            read(path, lambda _: None)
        assert caught.value.facts == {"file": path.name, "name": name, "version": version}


def test_classifiers_that_begin_as_none(tmp_path: Path, notes: list[Finding]) -> None:
    good = "Classifier: Typing :: Typed\nClassifier: Topic :: New Thing"
    read(_wheel(tmp_path, extra_metadata=good), notes.append)
    assert notes == []
    read(_wheel(tmp_path, extra_metadata=f"{good}\nClassifier: Topics :: x"), notes.append)
    (told,) = notes
    assert told.code == "unknown-classifier"
    assert told.message.endswith("like 'Topics :: x'")


# descriptions


def test_no_description(tmp_path: Path, notes: list[Finding]) -> None:
    read(_wheel(tmp_path, description=""), notes.append)
    read(_wheel(tmp_path, description="UNKNOWN\n"), notes.append)
    assert [n.code for n in notes] == ["description-check"] * 2


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text/plain", "*x"),
        ("text/markdown; variant=GFM", "*x"),
        ("text/x-rst", "Widget\n======\n\n.. code-block:: python\n\n   x = 1\n"),
        ("text/x-rst; charset=UTF-8", "It *turns*."),
    ],
)
def test_descriptions_that_render(
    tmp_path: Path, notes: list[Finding], kind: str, text: str
) -> None:
    extra = f"Description-Content-Type: {kind}"
    read(_wheel(tmp_path, extra_metadata=extra, description=text), notes.append)
    assert notes == []


def test_a_description_without_type_is_rst(tmp_path: Path, notes: list[Finding]) -> None:
    def meta(text: str) -> str:
        return core_metadata(description="") + text

    good = write_zip(tmp_path / ANY, {**WHEEL, f"{INFO}/METADATA": meta("It *turns*.")})
    read(good, notes.append)
    assert [n.code for n in notes] == ["description-check"]
    bad = write_zip(tmp_path / ANY, {**WHEEL, f"{INFO}/METADATA": meta("Title\n==\n\n`x")})
    assert "line 4" in _problems(bad)


@pytest.mark.parametrize("text", ["Title\n==\n\n`x`_", ".. include:: /etc/passwd", ".. nothing"])
def test_descriptions_that_fail(tmp_path: Path, text: str) -> None:
    extra = "Description-Content-Type: text/x-rst"
    assert _problems(_wheel(tmp_path, extra_metadata=extra, description=text))
