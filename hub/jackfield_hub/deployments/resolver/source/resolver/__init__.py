"""The connector of the install stage: it reads what strangers wrote about their packages, so it runs in the jail."""
