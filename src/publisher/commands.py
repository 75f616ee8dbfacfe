"""The commands, and the groups of them that share options. A leaf."""

from __future__ import annotations

from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {
    "publish": "build, attest and upload distributions; the default",
    "doctor": "say what would be published, as whom, and what would be refused; sends nothing",
    "build": "build distributions and write their release contract",
    "attest": "sign distributions, and put each attestation beside its file",
    "sandbox": "serve a rehearsal world on this machine, for other tools' tests",
    "verify": "say who published files, a project or a lock's releases, and what changed",
    "pin": "remember in identities.lock who publishes, so that verify sees a change",
}
READ = ("verify", "pin")
"""Commands about what others published; their options are a table of their own."""
EVERYWHERE = tuple(name for name in COMMANDS if name not in READ)
"""All the others."""
FILES = ("publish", "doctor", "build", "attest")
"""Commands about distributions."""
IDENTITY = ("publish", "doctor", "attest")
"""Commands that ask who this run is."""
INDEX = ("publish", "doctor")
"""Commands that look at an index."""
REHEARSED = ("publish", "attest")
"""Commands that a rehearsal plays."""
SANDBOX = ("sandbox",)
