"""`python -m jackfield_hub`: what `jackfield serve` does."""

from jackfield_hub.serve import serve

serve()
