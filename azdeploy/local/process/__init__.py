"""Containers as processes. Rule of this package: no engine, no root, and nothing outlives the endpoint."""
