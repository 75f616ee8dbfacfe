"""Sigstore's roots as the installed sigstore embeds them: no network, no clock."""

from __future__ import annotations

import json

from sigstore._internal.tuf import DEFAULT_TUF_URL
from sigstore._utils import read_embedded
from sigstore.models import ClientTrustConfig

from publisher.verify import roots


def embedded(url: str = DEFAULT_TUF_URL) -> str:
    """A ClientTrustConfig as JSON, as for ``--trust-config``."""
    whole = {
        "mediaType": ClientTrustConfig.ClientTrustConfigType.CONFIG_0_1.value,
        "trustedRoot": json.loads(read_embedded("trusted_root.json", url)),
        "signingConfig": json.loads(read_embedded("signing_config.v0.2.json", url)),
    }
    return json.dumps(whole)


def production_config(url: str = DEFAULT_TUF_URL) -> ClientTrustConfig:
    """The same, read."""
    return roots.load(embedded(url)).config
