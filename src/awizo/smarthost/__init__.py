"""The way out to the seller's own mail provider."""

from awizo.smarthost.own import refuse_own_listener
from awizo.smarthost.smarthosts import Smarthosts
from awizo.smarthost.transaction import RecipientResult

__all__ = ["RecipientResult", "Smarthosts", "refuse_own_listener"]
