"""nb2service: a notebook's model becomes a service that provably answers as the notebook does."""

__version__ = "0.1.0"
