"""An append-only Merkle tree (RFC 6962, section 2.1) with inclusion and consistency proofs."""

from __future__ import annotations

import hashlib


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class MerkleTree:
    """Keeps every complete subtree's hash, so that proofs cost O(log² n).

    Not thread-safe: the log that owns it has the lock.
    """

    def __init__(self) -> None:
        self._levels: list[list[bytes]] = [[]]

    def __len__(self) -> int:
        return len(self._levels[0])

    def append(self, entry: bytes) -> int:
        """Add a leaf and return its index."""
        index = len(self)
        self._levels[0].append(leaf_hash(entry))
        for height, level in enumerate(list(self._levels)):
            if len(level) % 2:
                break
            if height + 1 == len(self._levels):
                self._levels.append([])
            self._levels[height + 1].append(node_hash(level[-2], level[-1]))
        return index

    def leaf(self, index: int) -> bytes:
        """The hash of leaf number ``index``."""
        return self._levels[0][index]

    def root(self, size: int | None = None) -> bytes:
        """The tree's root when it had ``size`` leaves (default: now)."""
        size = len(self) if size is None else size
        return self._range(0, size) if size else hashlib.sha256(b"").digest()

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """The audit path of a leaf, from the bottom up (section 2.1.1)."""
        low, high, path = 0, len(self) if size is None else size, []
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                path.append(self._range(middle, high))
                high = middle
            else:
                path.append(self._range(low, middle))
                low = middle
        return path[::-1]

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """The proof that the tree of ``old`` leaves is a prefix of that of ``new`` (2.1.2)."""
        low, high, path = 0, len(self) if new is None else new, []
        whole = True  # is the subtree at hand one that the verifier has as the old root?
        while old != high:
            middle = low + _split(high - low)
            if old <= middle:
                path.append(self._range(middle, high))
                high = middle
            else:
                path.append(self._range(low, middle))
                low, whole = middle, False
        if not whole:
            path.append(self._range(low, high))
        return path[::-1]

    def _range(self, low: int, high: int) -> bytes:
        size = high - low
        if size & (size - 1) == 0 and low % size == 0:
            return self._levels[size.bit_length() - 1][low // size]
        middle = low + _split(size)
        return node_hash(self._range(low, middle), self._range(middle, high))


def _split(size: int) -> int:
    """The largest power of two smaller than ``size``."""
    return 1 << ((size - 1).bit_length() - 1)
