"""What a spreadsheet could run of a file is text in it."""

import csv
import io

import pytest

from portal.spreadsheets import cell, line

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "|cmd", "%0A", "\t=1", "\r=1", "\n=1")
HIDDEN = ("\v=1", "\x1f=1", "\u3000=1", "\u2003 =1", "\u200b=1", " \ufeff \u200b=1", "\u2060@x")
WIDE = ("＝1+1", "＋1", "－1", "＠SUM(A1)", " ＝1", "﹦1")


@pytest.mark.parametrize("text", [*FORMULAS, *HIDDEN, *WIDE])
def test_what_begins_as_a_formula_is_text(text):
    (row,) = csv.reader(io.StringIO(line([text, "b"]), newline=""))
    assert row == [f"'{text}", "b"]


@pytest.mark.parametrize("text", ["", "a=1", "marco@example.com", " a", "1-2", "名前", "Ünïcode"])
def test_what_begins_as_text_stays_what_it_is(text):
    assert cell(text) == text
