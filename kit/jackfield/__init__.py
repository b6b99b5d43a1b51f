"""The kit: write connectors to third-party APIs."""
