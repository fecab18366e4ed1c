"""The way out to the seller's own mail provider."""
