"""A hub that runs as several processes: who starts them, watches them, replaces them and ends them."""
