"""What every route of the portal answers to whom: read from the files beside this one, which people read aloud."""

from pathlib import Path

from tests.doors.notation import read

FILES = ("pages.txt", "interfaces.txt", "console.txt")
EXPECTED, DOORS = read("\n".join((Path(__file__).parent / name).read_text() for name in FILES))
