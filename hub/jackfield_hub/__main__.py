"""`python -m jackfield_hub` is `jackfield serve`."""

import sys

from jackfield.cli import main

sys.argv.insert(1, "serve")
main()
