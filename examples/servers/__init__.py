"""Real servers of other people that the examples talk to. They listen on loopback; nothing of Jackfield is in them.

Each module has `running(folder)`, which gives a `Server` until its block ends.
"""
