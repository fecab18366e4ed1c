"""Awizo: a drop-in SMTP host for shops that sell on Allegro."""

__version__ = "0.1.0"
