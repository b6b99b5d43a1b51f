"""What processes that share a database tell each other, so that what they remember is true."""
