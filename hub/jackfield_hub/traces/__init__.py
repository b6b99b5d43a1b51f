"""Traces: a span for every call and every request to a third party, for an OpenTelemetry collector."""
