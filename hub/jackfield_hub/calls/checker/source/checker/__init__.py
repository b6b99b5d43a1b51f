"""Checks large inputs. The hub runs it in the jail, in a worker of the organization that calls."""
