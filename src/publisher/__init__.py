"""Publish Python distributions with proof of origin.

One pipeline (detect, build, check, mint, sign, verify, upload, arrival) that CI systems drive
through thin faces, and that ``--dry-run`` rehearses against a complete world on loopback.
"""

__version__ = "0.1.0"
