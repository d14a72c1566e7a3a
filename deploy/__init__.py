"""How Gatehouse is put into production; scripts, and the package behind the longest of them."""
