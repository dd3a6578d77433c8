"""What is wanted: frozen dataclasses. Rule of this layer: pure, no input or output of any kind."""
