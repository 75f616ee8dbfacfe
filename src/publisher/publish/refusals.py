"""What an index means when it mints no upload token, and what to do about it.

The texts are the index's own (Warehouse, ``warehouse/oidc``). ``{name}`` in a text stands for what
varies in it. Everything here is pure: words in, words out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from publisher.models import Identity

NOT_FOUND = "Publisher with matching claims was not found"
UNKNOWN = (
    "This program does not know that refusal: the index's own words are all there is. A newer "
    "version of it, or the index's documentation, may say more."
)
NAMES = {
    "The name '{name}' is invalid": "A project's name is made of ASCII letters, digits, '.', '_' "
    "and '-', and begins and ends with a letter or digit. Choose such a name.",
    "(conflict with Python Standard Library module name)": "Python's own modules keep their "
    "names. Choose another one.",
    "The name '{name}' conflicts with an existing project": "Somebody has a project of this name. "
    "Choose another name, or ask its owners to add this job's publisher to it.",
    "is too similar to an existing project": "The name reads like that of another project. Choose "
    "one that nobody takes for it.",
    "The name '{name}' isn't allowed": "The index has blocked this name. Choose another one; if it "
    "is yours by right, ask the index's support.",
    "New project registration temporarily disabled": "The index makes no new projects for now. "
    "See its status page, and run the job again later.",
}
"""Why a new project can't have its name: by a pending publisher, or by an upload."""

CAUSES: Mapping[str, str] = {
    NOT_FOUND: (
        "The publisher is registered on another index. PyPI and TestPyPI know nothing of each "
        "other, and this run asked {index}.\n"
        "None is registered for this project. A pending one, for a new project, is dropped "
        "after 30 days.\n"
        "Another workflow file is registered; this job's is {job_workflow_ref}. The form "
        "takes the name of the file, without its folder, and not the name that stands in the "
        "file.\n"
        "Another pipeline file is registered; this job's is {ci_config_ref_uri}. The form "
        "takes the path of the file that the pipeline starts from, not of one that it "
        "includes.\n"
        "Another environment is registered; this job's: {environment}.\n"
        "{repository_owner}/{repository} was renamed, moved or made anew since, or is "
        "registered in another case. Every letter counts, and the index remembers the owner's "
        "number.\n"
        "The project {project_path}, or a group above it, was renamed or moved since.\n"
        "Another service account is registered; this job runs as {email}.\n"
        "The account was deleted and made anew since; its Subject is now {sub}.\n"
        "Another organization, project or user is registered; these are {organization}, "
        "{project} and {actor_id}.\n"
        "The job stands in a reusable workflow. The index wants the file that holds the job, "
        "{job_workflow_ref}, and not the one that calls it."
    ),
    "Missing claim '{claim}'": (
        "The ID token says nothing of {claim}. It is not one that the CI makes for a job, or "
        "the CI's version is too old."
    ),
    "Could not job extract workflow filename from OIDC claims": (
        "The ID token names no workflow file that ends in .yml or .yaml. Rename the file, and "
        "register the new name."
    ),
    "Could not extract workflow filename from OIDC claims": (
        "The ID token names no pipeline file that ends in .yml or .yaml. Rename the file, and "
        "register the new name."
    ),
    "The {claim} claim is empty": (
        "The CI does not say which file the job stands in. Run the job from a file of its own "
        "repository."
    ),
    "The ref and sha claims are empty": (
        "The ID token names no branch, tag or commit. Run the job for one of these."
    ),
    "The ref_path and sha claims are empty": (
        "The ID token names no branch, tag or commit. Run the job for one of these."
    ),
    "The {claim} claim does not match, expecting one of": (
        "The job stands in a reusable workflow of another repository. The index takes only "
        "files of {repository_owner}/{repository}: put the job into one.\n"
        "The registered repository was renamed or moved, and a new one has its old name.\n"
        "The pipeline starts from a file of another project, or the project is registered in "
        "another case than {project_path}."
    ),
    "Publishing from a workflow invoked via '{event}' is not supported": (
        "No index lets a job publish that {event} started, since a stranger's pull request "
        "decides when it runs. Publish from a tag or a release."
    ),
    "Check failed for required claim '{claim}'": (
        "The publisher that is registered and this job differ in {claim}. Its owner, project "
        "or account was renamed or made anew since: register the publisher again."
    ),
    "Check failed for optional claim '{claim}'": (
        "The publisher that is registered and this job differ in {claim}. Change one of the two."
    ),
    "Missing 'subject' claim": (
        "The ID token does not say for whom it is. Get a new one from the platform."
    ),
    "Invalid 'subject' claim. Wrong format": (
        "The index can't read the ID token's sub. Has its format been changed? It must begin "
        "with org:ORGANIZATION:project:PROJECT."
    ),
    "Invalid 'subject' claim": (
        "The ID token's sub names another organization or project than the one registered."
    ),
    "JWT issuer '{issuer}' does not match expected issuer '{expected}'": (
        "The index does not take tokens of {issuer} for a publisher of this kind. Of the "
        "issuers that organizations register, only GitLab instances work."
    ),
    "No required verifiable claims": (
        "The index has nothing to check for this kind of publisher. That is its own mistake: "
        "report it there."
    ),
    "{provider} trusted publishing functionality not enabled": (
        "The index's administrators have switched {provider} off. Nothing is wrong with this "
        "job; see the index's status page, and run the job again later."
    ),
    "Trusted publishing functionality not enabled": (
        "The index's administrators have switched trusted publishing off. Nothing is wrong "
        "with this job; see the index's status page, and run the job again later."
    ),
    "malformed or invalid token": (
        "The clock of the runner is off, or the ID token lay too long: it counts for "
        "minutes.\n"
        "The ID token was made for another index, or for several at once.\n"
        "The identity provider has new keys that the index does not know yet. Run the job "
        "again in some minutes."
    ),
    "invalid token: already used": (
        "The index takes each ID token once, and another step has used this one. Run the job "
        "again.\n"
        "The index's answer to an earlier try was lost. Run the job again."
    ),
    "malformed JWT": "What was sent is no ID token. Something has replaced it on its way.",
    "validation error for TokenPayload": (
        "The request did not arrive as it was sent. Is there a proxy that changes it?"
    ),
    "unknown trusted publishing issuer": (
        "The index knows this CI's issuer neither as a public one nor as an organization's "
        "own. For a GitLab instance, an organization on {index} must register it first."
    ),
    "valid token, but project already exists": (
        "The project was made by somebody else before its pending publisher was used, which "
        "is gone now. If the project is yours, register a publisher in its settings; "
        "if not, choose another name."
    ),
    **NAMES,
}
"""By a piece of what the index says, of which the first that fits counts: why, a line for each
cause, the likeliest first.

A cause that speaks of a claim which a CI does not have is not for that CI.
"""
POINTED = re.compile(r"claim '(\w+)'|The (\w+) claim")
FIELDS = ("field on the index", "must be", "the token's claim")


@dataclass(frozen=True)
class Help:
    """What a user needs to hear: causes, and the fields of the index's form to compare."""

    index: str
    causes: tuple[str, ...]
    fields: tuple[Mapping[str, object], ...] = ()
    first: str = ""

    @property
    def facts(self) -> dict[str, object]:
        """For machines."""
        return {"causes": list(self.causes), "fields": list(self.fields)}

    @property
    def hint(self) -> str:
        """For people."""
        lines = list(self.causes)
        if len(lines) > 1:
            numbered = (f"{number}. {cause}" for number, cause in enumerate(lines, 1))
            lines = ["Most likely first:", *numbered]
        if self.fields:
            start = f", first of all {self.first}" if self.first else ""
            where = f"the project's publishing settings on {self.index}"
            lines += ["", f"Compare with {where}{start}:", "", *_table(self.fields)]
        return "\n".join(lines)


def find(texts: Mapping[str, str], said: str) -> tuple[str, Mapping[str, str]]:
    """The first of ``texts`` that stands in what an index said, and what varies; else ``""``."""
    for text in texts:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.*?)", re.escape(text))
        if found := re.search(pattern, said):
            return text, found.groupdict()
    return "", {}


def explain(code: str, said: str, index: str, who: Identity) -> Help:
    """What the named index means by the error ``code`` and its text.

    Args:
        code: Such as ``invalid-publisher``.
        said: The description that came with it.
        index: The name of the index.
        who: Whose ID token it was.
    """
    text, varies = find(CAUSES, said)
    mismatch = code == "invalid-publisher"
    pointed = POINTED.search(said) if mismatch else None
    first = _field(who, str(pointed[1] or pointed[2])) if pointed else ""
    if mismatch and not text:
        text = NOT_FOUND  # whatever the reason is, no publisher was found
    values = {who.compared[label]: value or "none" for label, value in _comparable(who).items()}
    known = {**values, **varies, "index": index}
    causes = tuple(
        cause.format_map(known)
        for cause in CAUSES.get(text, UNKNOWN).splitlines()
        if set(re.findall(r"\{(\w+)\}", cause)) <= known.keys()
    )
    fields = _fields(who, first) if first or text == NOT_FOUND else ()
    return Help(index, causes, fields, first)


def _comparable(who: Identity) -> Mapping[str, str]:
    return {label: value for label, value in who.register.items() if label in who.compared}


def _field(who: Identity, claim: str) -> str:
    """The field that a claim belongs to: ``repository_owner_id`` to that of the owner."""
    near = [label for label, known in who.compared.items() if claim.startswith(known)]
    return max(near, key=lambda label: len(who.compared[label]), default="")


def _fields(who: Identity, first: str) -> tuple[Mapping[str, object], ...]:
    labels = sorted(who.register, key=lambda label: label != first)  # stable: the form's order
    claims = {label: who.compared.get(label, "") for label in labels}
    return tuple(
        {
            "field": label,
            "value": who.register[label],
            "claim": claims[label],
            "claimed": who.claims.get(claims[label]),
        }
        for label in labels
    )


def _table(fields: tuple[Mapping[str, object], ...]) -> list[str]:
    rows = [FIELDS]
    for one in fields:
        claimed = "is not in the token" if one["claimed"] is None else f"= {one['claimed']}"
        value = str(one["value"] or "(leave empty)")
        rows.append((str(one["field"]), value, f"{one['claim']} {claimed}".strip()))
    wide = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [f"    {a:<{wide[0]}}  {b:<{wide[1]}}  {c}" for a, b, c in rows]
