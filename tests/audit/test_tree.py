"""The tree is RFC 6962's: its published vectors, and every leaf proven in trees of every size."""

import pytest

from audit import proofs, verifier

# The vectors of the reference implementation of Certificate Transparency.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = {  # index, size: the audit path
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
}


def leaves(size):
    return [verifier.leaf(one) for one in INPUTS[:size]]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_the_published_ones(size):
    assert verifier.root(leaves(size)).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_paths_are_the_published_ones(index, size):
    assert proofs.path(verifier.levels(leaves(size)), index) == PATHS[index, size]


def test_every_leaf_is_proven_in_its_place_and_in_no_other():
    for size in range(1, 34):
        found = [verifier.leaf(bytes([number])) for number in range(size)]
        tree, root = verifier.levels(found), verifier.root(found)
        for index, leaf in enumerate(found):
            path = [bytes.fromhex(one) for one in proofs.path(tree, index)]
            places = [
                place
                for place in range(-1, size + 1)
                if verifier.is_proven(leaf, index=place, count=size, path=path, root=root)
            ]
            assert places == [index]
            assert not verifier.is_proven(
                leaf, index=index, count=size, path=[*path, root], root=root
            )
            if path:
                assert not verifier.is_proven(
                    leaf, index=index, count=size, path=path[:-1], root=root
                )
