"""Organizations, their people and the tokens they act with."""
