"""Measurements. Everything here talks to loopback only, for a bounded time, and compares within one run."""
