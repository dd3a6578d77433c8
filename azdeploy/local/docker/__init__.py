"""Containers at a Docker or Podman engine. Rule of this package: docker-py's exceptions stay inside."""
