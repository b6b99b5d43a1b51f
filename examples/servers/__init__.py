"""Real servers of other people that the examples and the tests talk to. They listen on this machine only; nothing of
Jackfield is in them.

Each module whose server an example talks to has `running(folder)`, which gives a `Server` until its block ends.
"""
