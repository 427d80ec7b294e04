"""Deliveries of webhooks: where they may go, what they say, and how they are sent."""
