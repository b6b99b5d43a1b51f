"""A connector to registries of container images."""
