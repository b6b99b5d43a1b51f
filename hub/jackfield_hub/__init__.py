"""The hub: deploy connectors, list them, call them."""
