"""Every door of the portal × every kind of person."""
