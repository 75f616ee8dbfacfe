"""What an index means when it refuses a file, and what to do about it.

The texts are the index's own (Warehouse, ``warehouse/forklift``); see ``refusals`` for how they are
written. A hint's first sentence says what is wrong, the rest what to do.
"""

from __future__ import annotations

from collections.abc import Mapping

from publisher.publish.refusals import NAMES, UNKNOWN, find

TAIL = "Files uploaded before stay; after mending, run the same command again."
FORM = (
    "The request did not arrive as it was sent. Is there a proxy that changes it? If not, report "
    "this as a bug of ours."
)
METADATA = "Mend it in pyproject.toml, and build again."
REBUILD = "Build the file again with an up-to-date build backend, and never rename it."
OTHER_BYTES = (
    "The attestation was made for another file than the one sent. Delete the attestations beside "
    "the dists, or publish the very files that they were made for."
)
OTHER_SIGNER = (
    "Another identity signed than the publisher that is registered. Sign in the job that "
    "publishes, and compare owner, repository and file with the index's form, letter by letter."
)
EVIDENCE = (
    "What the attestation was signed and logged with does not verify at the index. Delete the "
    "attestations beside the dists and sign again; if it stays, see Sigstore's status page."
)

REJECTIONS: Mapping[str, str] = {
    # Who may upload
    "Invalid or non-existent authentication information": "The index does not know the upload "
    "token: it is another index's, or was given back. Run the same command again for a new one.",
    "OIDC scoped token is not valid for project '{project}'": "The publisher that fits this job "
    "is registered for other projects than {project}. Add it in the publishing settings of "
    "{project}, or mend the name in pyproject.toml.",
    "project-scoped token is not valid for project: '{project}'": "The token is for other projects "
    "than {project}. Use one that was made for it.",
    "token is expired": "An upload token lives for 15 minutes, and they were over before the file "
    "had arrived whole. Run the same command again: it gets a new one and sends what is missing.",
    "Invalid API Token": "The upload token is not for this. Run the same command again for a new "
    "one.",
    "isn't allowed to upload to project '{project}'": "Nobody, or not this publisher, may upload "
    "to {project} now: it is archived or in quarantine, or the publisher was taken from it. See "
    "the project's settings on the index.",
    "Read-only mode": "The index takes nothing for now, because somebody works on it. See its "
    "status page, and wait.",
    "New uploads are temporarily disabled": "The index takes no files for now. See its status "
    "page, and wait.",
    # Projects
    "Non-user identities cannot create new projects": "There is no project of this name, and a "
    "trusted publisher can't make one. Is the name in pyproject.toml that of the pending "
    "publisher? For a new project, register a pending publisher of exactly this name.",
    "Organization account owning this project is inactive": "The organization that owns the "
    "project is not active. Its owners must see to that on the index.",
    "Too many new projects created": "This user has made too many projects in a short time. Wait, "
    "or register pending publishers, which have no such limit.",
    **NAMES,
    # Versions and names of files
    "File already exists": "The index has a file of this name with other content, or this content "
    "under another name. Nothing there can be replaced: publish a new version.",
    "This filename was previously used by a file that has since been deleted": "A name is used "
    "once, even if its file was deleted. Publish a new version.",
    "Uploading new files to releases older than {days} days is not allowed": "The release is "
    "closed: it takes new files for {days} days. Publish a new version.",
    "Only one sdist may be uploaded per release": "The release has an sdist already; 1.0 and 1.0.0 "
    "are one release. Leave this one out, or publish a new version.",
    "The use of local versions in '{version}' is not allowed": "A version with + is for your own "
    "use. Take the part after + away, and build again; setuptools-scm does so with local_scheme = "
    '"no-local-version".',
    "is invalid, should be '{name}'": f"The file's name is not the one that the metadata asks for, "
    f"{{name}}. {REBUILD}",
    "should contain the normalized project name": f"The file's name does not write the project's "
    f"as it must be, in lower case with _ (PEP 625, PEP 427). {REBUILD}",
    "Start filename for '{project}' with": f"The file's name does not begin with the project's, as "
    f"the metadata has it: {{project}}. {REBUILD}",
    "Version in filename should be": f"File name and metadata state different versions. {REBUILD}",
    "has an unsupported platform tag '{tag}'": "A wheel tagged {tag} runs only where it was built, "
    "or on a system that the index does not know. Build wheels with cibuildwheel, which repairs "
    "them, or publish the sdist alone.",
    "Invalid file extension": f"The index takes .whl and .tar.gz only. {REBUILD}",
    "Cannot upload a file with": f"A file's name can't hold slashes or invisible characters. "
    f"{REBUILD}",
    "Invalid source distribution filename": f"The name is not NAME-VERSION.tar.gz. {REBUILD}",
    "Invalid wheel filename": f"The name is not that of a wheel (PEP 427). {REBUILD}",
    # Sizes
    "File too large. Limit for project '{project}'": "The file is larger than the index lets "
    "{project} upload. Ask for a higher limit in the project's settings there, or make it smaller.",
    "Project size too large": "All files of the project are larger together than the index allows. "
    "Delete old releases, or ask for a higher limit in the project's settings there.",
    # Metadata
    "is not a valid classifier": f"A classifier is misspelt, or the index does not have it. Begin "
    f"private ones with 'Private ::'. {METADATA}",
    "The classifier '{name}' has been deprecated": f"The index does not take "
    f"{{name}} any more. {METADATA}",
    "Can't have direct dependency": "A dependency is given as a URL, which the index does not "
    "take. Depend on a release by name and version.",
    "has invalid data": f"A field of the metadata stands there twice, or can't be read. {METADATA}",
    "License is deprecated when License-Expression is present": "The metadata has the license in "
    'two ways. Keep license = "SPDX-EXPRESSION", and update the build backend.',
    "field must be 512 characters or less": f"The one-line description is too long. {METADATA}",
    "must be 32 characters or less": f"The label of a project URL is too long. {METADATA}",
    "is not a valid email address": f"An author's or maintainer's e-mail address is none. "
    f"{METADATA}",
    "is not a valid url": f"A URL of the project is none that a browser could open. {METADATA}",
    "is an invalid value for": f"A field of the metadata can't be read. {METADATA}",
    "Invalid value for {field}. Error": f"The index can't read {{field}}. {METADATA}",
    "The description failed to render": "The index can't show the description. Is it Markdown that "
    "is declared as reStructuredText? Set readme in pyproject.toml; twine check shows the errors.",
    # What the file holds
    "The digest supplied does not match a digest calculated": "The file changed on its way, or "
    "while it was read. Run the same command again.",
    "Invalid distribution file": f"The archive is broken, or not of the kind that its name says. "
    f"{REBUILD}",
    "License-File {file} does not exist in distribution file": f"The metadata names a license file "
    f"that the archive does not hold: {{file}}. {REBUILD}",
    "does not contain the required RECORD file": f"The wheel lacks its list of files. {REBUILD}",
    "does not contain the required METADATA file": f"The wheel lacks its metadata. {REBUILD}",
    "has invalid entry points": f"The wheel's entry_points.txt can't be read. {METADATA}",
    # The request
    "Include at least one message digest": FORM,
    "Upload payload does not have a file": FORM,
    "Should not be a tuple": FORM,
    "Unknown protocol version": FORM,
    "Project pre-registration is no longer required": FORM,
    "Uploading documentation is no longer supported": FORM,
    # Attestations
    "Attestations are only supported when using Trusted Publishing": "An API token uploads, but "
    "can't attest. Publish by Trusted Publishing, or use --attestations off.",
    "Attestations are not currently supported with {kind} publishers": "The index takes files "
    "from {kind}, but no attestations. Use --attestations off.",
    "an empty attestation set is not permitted": FORM,
    "Malformed attestations": "The index can't read an attestation: it is no PEP 740 object of "
    "version 1. Delete the attestations beside the dists, so that new ones are made.",
    "A maximum of {count} attestations per file are supported": "There are too many attestations "
    "for one file. Keep one of each kind, at most {count}.",
    "subject does not match distribution digest": OTHER_BYTES,
    "subject does not match distribution name": OTHER_BYTES,
    "invalid subject": OTHER_BYTES,
    "too many subjects in statement": "The attestation is about several files. Make one for each.",
    "unknown attestation type": "The index takes publish attestations and SLSA provenance v1 only. "
    "Delete the other ones beside the dists.",
    "Certificate's OIDCSourceRepositoryURI does not match": OTHER_SIGNER,
    "Certificate's OIDCIssuerV2 does not match": "The index takes attestations of GitHub, of "
    "gitlab.com and of Google only. For another GitLab instance use --attestations off.",
    "Certificate's Build Config URI": "The run was started by another workflow file than the one "
    "registered: a reusable workflow. Put the job that publishes into the file that is started, "
    "and register that one.",
    "Certificate's SANs do not match": OTHER_SIGNER,
    "DSSE: invalid signature": EVIDENCE,
    "invalid inclusion promise": EVIDENCE,
    "inclusion proof has wrong size": EVIDENCE,
    "failed to build timestamp certificate chain": EVIDENCE,
    "failed to verify SCT on signing certificate": EVIDENCE,
    "bundle must contain an inclusion promise or signed timestamp": EVIDENCE,
    "invalid transparency log entry": EVIDENCE,
    "Attestation with unsupported predicate type": "The index takes publish attestations and SLSA "
    "provenance v1 only. Delete the other ones beside the dists.",
    "Multiple attestations for the same file with the same predicate type": "One file has two "
    "attestations of a kind. Keep one of each.",
    "Could not verify the uploaded artifact using the included attestation": EVIDENCE,
    "Unknown error while trying to verify included attestations": "The index could not verify, "
    "which may be its own trouble. Run the same command again in some minutes.",
}
STATUSES: Mapping[str, str] = {
    "3xx": "The upload URL leads elsewhere, and a token is never sent after it. Correct the URL; "
    "it ends with a slash.",
    "401": "The index wants a login, and the one that was sent does not count. Check user and "
    "password.",
    "403": "The index, or a firewall before it, does not let this upload in. The message has its "
    "own words.",
    "404": "There is no upload API at this URL. Correct the URL.",
    "409": "The index has a file of this name already. Publish a new version.",
    "410": "There is no upload API at this URL any more. Correct the URL.",
    "413": "The file is larger than the server takes, or a proxy before it. Ask who runs it.",
    "429": "The index had too many requests, even after some pauses. Run the same command again "
    "later, with a lower --jobs.",
    "5xx": "The index failed, even when asked again. See its status page, and run the same command "
    "again later.",
}
"""What a status means, with a text that nobody knows; several may begin with the same digit."""


def explain(status: int, said: str) -> str:
    """The hint for a refused upload.

    Args:
        status: Of the index's answer.
        said: Its text.
    """
    text, varies = find(REJECTIONS, said)
    general = STATUSES.get(str(status)) or STATUSES.get(f"{status // 100}xx") or UNKNOWN
    help_ = REJECTIONS[text].format_map(varies) if text else general
    return f"{help_}\n{TAIL}"
