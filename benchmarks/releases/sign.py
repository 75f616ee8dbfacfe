"""The incumbent's ``attestations.py``: sign the dists of a folder, one after the other.

    python sign.py TRUST_CONFIG FOLDER

Its settings: one certificate for all (``cache=True``), a loop, files written beside the dists.
It is not run as it is only because it trusts the public Sigstore alone, and because its debug log
would cost it time.
"""

import sys
from pathlib import Path

from pypi_attestations import Attestation, Distribution
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken, detect_credential
from sigstore.sign import SigningContext

trust = ClientTrustConfig.from_json(Path(sys.argv[1]).read_text())
trust.force_tlog_version = 1  # PEP 740 needs it
packages = Path(sys.argv[2])
dists = [*packages.glob("*.tar.gz"), *packages.glob("*.whl")]
identity = IdentityToken(str(detect_credential()))
with SigningContext.from_trust_config(trust).signer(identity, cache=True) as signer:
    for dist in dists:
        attestation = Attestation.sign(signer, Distribution.from_file(dist))
        beside = dist.with_suffix(f"{dist.suffix}.publish.attestation")
        beside.write_text(attestation.model_dump_json(), encoding="utf-8")
