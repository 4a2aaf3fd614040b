"""The client, written once."""
