"""A connector that works on texts and asks nobody else."""
