"""What must change. Rule of this layer: pure functions from definitions and what exists to a plan."""
