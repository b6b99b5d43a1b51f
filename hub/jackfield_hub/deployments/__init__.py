"""How a bundle gets here: submitted, built, live or failed."""
