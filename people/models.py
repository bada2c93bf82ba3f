"""The app's models, by what they are about."""

from people.access_models import Invitation, Token
from people.sign_in_models import Attempt, Identity, Passkey, RecoveryCode, SitePolicy, Totp, Visit
from people.team_models import Membership, Person, Team

__all__ = [
    "Attempt",
    "Identity",
    "Invitation",
    "Membership",
    "Passkey",
    "Person",
    "RecoveryCode",
    "SitePolicy",
    "Team",
    "Token",
    "Totp",
    "Visit",
]
