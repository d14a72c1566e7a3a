"""What happens in the house, in order. Each chapter goes through the doors of people and programs alone."""

from tests.audit.canaries.canary import Canaries
from tests.audit.canaries.house import House
from tests.audit.canaries.story import deletion, looking, misuse, people, programs, work
from tests.audit.canaries.story.cast import Cast


def tell(house: House) -> tuple[Canaries, Cast]:
    """All of it; answers the secrets that were told, and who was there."""
    canaries = Canaries()
    cast = Cast(house, canaries)
    for chapter in (people, work, programs, misuse, deletion):
        chapter.tell(house, canaries, cast)
    looking.tell(house, canaries, cast)
    return canaries, cast
