"""Container groups: what Azure Container Instances makes of a request body, and the life of the containers."""
