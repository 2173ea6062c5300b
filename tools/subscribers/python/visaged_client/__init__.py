"""Receives, checks and types what the visaged daemon publishes."""

from .messages import Header, Message, parse
from .subscriber import Subscriber
from .verify import Refused, Verifier

__all__ = ["Header", "Message", "Refused", "Subscriber", "Verifier", "parse"]
