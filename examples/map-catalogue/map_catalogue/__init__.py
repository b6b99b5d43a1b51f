"""A connector to catalogues of maps, which speak SOAP."""
