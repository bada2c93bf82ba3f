"""What the site keeps of people: who works with whom (`team_models`), what lets them in (`access_models`)."""

from people.access_models import Invitation, Token
from people.team_models import Membership, Person, Team

__all__ = ["Invitation", "Membership", "Person", "Team", "Token"]
