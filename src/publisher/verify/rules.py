"""The rules of drift (D) and origin (U): the index's words, and what to tell a reader."""

from __future__ import annotations

from publisher.verify.model import Change, Release, Severity

RANK: dict[Severity, int] = {"note": 0, "warning": 1, "error": 2, "critical": 3}

WORDS = {
    "D00": "no-provenance",
    "D01": "lost-provenance",
    "D02": "partial-provenance",
    "D03": "inconsistent-provenance",
    "D04": "changed-provenance",
    "D09": "changed-provenance",
    "D10": "changed-provenance",
}
"""The index's own word, where it has one; a release without any of these is full-provenance."""

TITLES = {
    **WORDS,
    "D05": "repository made anew",
    "D06": "account made anew",
    "D07": "renamed",
    "D08": "transferred",
    "D11": "environment",
    "D12": "branch or tag",
    "D13": "trigger",
    "D14": "runner",
    "D15": "signing workflow",
    "D16": "source is private",
    "D18": "build provenance",
    "D19": "pinned files changed",
    "D20": "other bytes than locked",
    "D21": "late file",
    "D22": "time of signing",
    "D24": "unknown kind of publisher",
    "D25": "no answer",
    "D26": "taken back",
    "D27": "first attestation",
    "D28": "evidence beside it fails",
    "U01": "link to somebody else's repository",
    "U02": "link to another repository",
    "U03": "link to another host",
    "U04": "no link to the source",
    "U05": "links moved",
}
"""Each rule in a word or two: the index's, where it has one."""

ADVICE = {
    "D00": "That is no fault: attestations are offered, not demanded.",
    "D01": "A stolen or leftover token does this; so does a broken release job. Do not install it "
    "until the maintainers answer.",
    "D02": "A file that somebody added with a token looks like this; so does a release job that "
    "attests some of its files only. If you install such a file, ask first.",
    "D03": "Several workflows may build one release. If that is new here, ask why.",
    "D04": "Projects do move. So does a thief with an account of their own: look for an "
    "announcement.",
    "D05": "The repository was deleted and made anew, perhaps by somebody else. Do not install it "
    "until the maintainers answer.",
    "D06": "The account was deleted, and its name registered anew, perhaps by somebody else. Do "
    "not install it until the maintainers answer.",
    "D07": "It is the same repository under another name; nothing to do.",
    "D08": "The repository was transferred: other people decide about releases now. Look for an "
    "announcement.",
    "D09": "Projects do move. So does a thief with a repository of their own: look for an "
    "announcement.",
    "D10": "Release jobs get renamed. Somebody who can push a branch can also add a workflow of "
    "their own: look at what this one does.",
    "D11": "An environment may ask for a review before a release; without it, or in another one, "
    "nobody may have looked.",
    "D12": "Whoever can push a branch can run what this release was made of. A pull request can be "
    "anybody's.",
    "D13": "What starts a release decides who can start one, and some triggers act on what "
    "strangers write: look at the workflow.",
    "D14": "A machine of one's own keeps what earlier jobs left there; in a job that was run again "
    "with SSH, somebody could type.",
    "D15": "The steps that sign belong to another workflow now: look at whose it is.",
    "D16": "Nobody outside can see any more what was built.",
    "D18": "How it was built (SLSA provenance) and who published it are two proofs, and one of "
    "them is missing here.",
    "D19": "What was looked at when it was pinned is not what the index shows today. Find out why "
    "before you install it.",
    "D20": "The bytes are not those that were locked. An index never does this: do not install it, "
    "and find out what answers in its place.",
    "D21": "Files that come late are how a good release is poisoned; so are wheels for a new "
    "Python. Look at what was added.",
    "D22": "A file is signed just before it is uploaded. Another order, or hours between, is worth "
    "a look.",
    "D24": "A newer publisher may know it. It counts as unknown, not as missing.",
    "D25": "This says nothing of the project; ask again later.",
    "D26": "The project or the index took it back, or gave up on it. Read why before the next "
    "update.",
    "D27": "It is pending until releases over 14 days confirm it, or somebody accepts it: whoever "
    "attests first need not be the maintainer.",
    "D28": "You did not ask about that file, and it is of the same release: evidence that fails is "
    "worse than none. Find out why before you install any of it.",
    "U01": "It may have moved, and its links be old. Or it wants to be taken for another project: "
    "do not trust those stars.",
    "U02": "One repository of an owner may publish what lives in another. If that is new here, ask "
    "why.",
    "U03": "That can't be compared with who published it.",
    "U04": "It does not say where its source is.",
    "U05": "Whoever may publish may change links. Look where they lead now.",
}
"""What a change may mean and what to do, in words for the maintainer of an application."""


def change(
    rule: str,
    severity: Severity,
    release: Release,
    happened: str,
    *,
    file: str = "",
    **facts: object,
) -> Change:
    """A finding: what happened, and what that may mean.

    A sentence begins with a capital letter, but a name stays as it is.
    """
    if happened.partition(" ")[0].isalpha():
        happened = f"{happened[0].upper()}{happened[1:]}"
    return Change(
        rule=rule,
        severity=severity,
        project=release.project,
        version=release.version,
        message=f"{happened}. {ADVICE[rule]}",
        word=WORDS.get(rule, ""),
        facts=facts,
        file=file,
        title=TITLES[rule],
        advice=ADVICE[rule],
    )
