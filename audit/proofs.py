"""That an entry is in the trail, shown without the rest of it: its line with the way from it to its checkpoint's root."""

import json
from typing import Any

from django.utils.translation import gettext as _

from audit import stored
from audit.models import Checkpoint
from audit.sealed import prunes
from audit.verifier import FIELDS, MOST, canonicals, ids_of, judge, leaf, levels
from portal.tenancy import EVERYTHING, tenant


class NotProvable(Exception):
    """There is no proof of an entry that is not sealed yet, or whose neighbours were pruned."""


class Tree:
    """The entries of a checkpoint as they are stored, and the tree over them. Raises `Problem` if they do not fit it."""

    def __init__(self, line: str) -> None:
        said = json.loads(line)
        self.number = said["number"]
        with tenant(EVERYTHING):  # of others' entries only hashes leave
            rows = stored.among(said["ids"], limit=MOST + 1)
        self.ids, found = [row[0] for row in rows], canonicals(rows)
        if len(self.ids) < said["count"] and _is_pruned(self.number):
            raise NotProvable(_("Others of its checkpoint were pruned; the archive has its proof."))
        judge(said, self.ids, found)
        self._rows = dict(zip(self.ids, rows, strict=True))
        self.places = {one: place for place, one in enumerate(ids_of(said["ids"]))}
        self._levels = levels([leaf(one) for one in found])

    def proven(self, entry_id: int) -> dict[str, Any]:
        """The entry's stored values and its proof, as an export has them."""
        index = self.places[entry_id]
        proof = {"checkpoint": self.number, "index": index, "path": path(self._levels, index)}
        return {"entry": dict(zip(FIELDS, self._rows[entry_id], strict=True)), "proof": proof}


def path(tree: list[list[bytes]], index: int) -> list[str]:
    """The sisters on the way from a leaf to the root, in hex."""
    found = []
    for level in tree[:-1]:
        sister = index ^ 1
        if sister < len(level):
            found.append(level[sister].hex())
        index //= 2
    return found


class Proofs:
    """Proofs of many entries; ascending ids cost the least."""

    def __init__(self) -> None:
        self._held: list[Tree] = []

    def of(self, entry_id: int) -> dict[str, Any]:
        """An entry with its proof. Raises `NotProvable`, and `Problem` where the trail is not as it was sealed."""
        found = next((one for one in self._held if entry_id in one.places), None)
        if found is None:
            found = Tree(_line_of(entry_id))
            self._held = [
                *self._held[-3:],
                found,
            ]  # late entries are in a later one than their neighbours
        return found.proven(entry_id)


def _line_of(entry_id: int) -> str:
    around = Checkpoint.objects.filter(last_id__gte=entry_id, first_id__lte=entry_id, count__gt=0)
    for line in around.order_by("number").values_list("line", flat=True).iterator(chunk_size=4):
        if any(first <= entry_id <= last for first, last in json.loads(line)["ids"]):
            return line
    raise NotProvable(_("This entry is not sealed yet; entries are sealed every minute."))


def _is_pruned(number: int) -> bool:
    return any(first <= number <= last for one in prunes() for first, last in one.ranges)
