"""The incumbent's ``oidc-exchange.py``: trade the job's identity for an upload token.

    python mint.py INDEX_URL

Like it, ask for the audience, then for an ID token, then for the upload token, which is printed.
It is not run as it is only because it speaks https alone.
"""

import sys

import id  # noqa: A004 - the name of the library
import requests

index = sys.argv[1]
audience = requests.get(f"{index}/_/oidc/audience", timeout=60).json()["audience"]
oidc_token = id.detect_credential(audience=audience)
answer = requests.post(f"{index}/_/oidc/mint-token", json={"token": oidc_token}, timeout=60)
answer.raise_for_status()
print(answer.json()["token"])
