"""The people of the people tests: a team, everyone's place in it, and the roles of the site."""

from tests.people.conftest import crowd

__all__ = ["crowd"]
