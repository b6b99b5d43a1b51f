"""Sources and bundles where all hubs of one database find them."""
