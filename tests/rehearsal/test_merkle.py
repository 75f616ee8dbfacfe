"""RFC 6962 in the other direction: verifiers written from RFC 9162, section 2.1."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest

from publisher.rehearsal.merkle import MerkleTree, leaf_hash, node_hash

SIZES = range(1, 40)


def _naive_root(entries: list[bytes]) -> bytes:
    if len(entries) == 1:
        return leaf_hash(entries[0])
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return node_hash(_naive_root(entries[:split]), _naive_root(entries[split:]))


def _included(index: int, size: int, leaf: bytes, path: list[bytes], root: bytes) -> bool:
    """RFC 9162, section 2.1.3.2."""
    node, last, result = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node % 2 or node == last:
            result = node_hash(sibling, result)
            while not node % 2 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and result == root


def _consistent(old: int, new: int, old_root: bytes, new_root: bytes, path: list[bytes]) -> bool:
    """RFC 9162, section 2.1.4.2."""
    if old == new:
        return not path and old_root == new_root
    nodes = ([old_root] if old & (old - 1) == 0 else []) + path
    node, last = old - 1, new - 1
    while node % 2:
        node, last = node >> 1, last >> 1
    first = second = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            return False
        if node % 2 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not node % 2 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and (first, second) == (old_root, new_root)


@pytest.fixture(scope="module")
def entries() -> list[bytes]:
    return [b"entry %d" % number for number in SIZES]


@pytest.fixture(scope="module")
def tree(entries: list[bytes]) -> MerkleTree:
    tree = MerkleTree()
    assert [tree.append(entry) for entry in entries] == list(range(len(entries)))
    return tree


def test_the_empty_tree() -> None:
    assert MerkleTree().root() == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", SIZES)
def test_root_and_inclusion(tree: MerkleTree, entries: list[bytes], size: int) -> None:
    root = tree.root(size)
    assert root == _naive_root(entries[:size])
    for index in range(size):
        path = tree.inclusion(index, size)
        assert _included(index, size, tree.leaf(index), path, root)
        assert not _included(index, size, leaf_hash(b"another"), path, root)


@pytest.mark.parametrize("new", SIZES)
def test_consistency(tree: MerkleTree, new: int) -> None:
    for old in range(1, new + 1):
        proof = tree.consistency(old, new)
        assert _consistent(old, new, tree.root(old), tree.root(new), proof)


def test_roots_differ(tree: MerkleTree) -> None:
    assert all(tree.root(a) != tree.root(b) for a, b in pairwise(SIZES))
    assert tree.root() == tree.root(len(tree))
