"""Doing it. Rule of this layer: the world is known only as a Target; time and threads are injected or bounded."""
