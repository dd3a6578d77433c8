"""How Azure says it. Rule of this layer: the one place for wire shapes, and the only one that knows Azure's SDKs."""
