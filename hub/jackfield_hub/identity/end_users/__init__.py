"""End users: a customer's own users, and what lets them act here for a while."""
