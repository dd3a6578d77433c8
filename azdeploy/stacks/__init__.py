"""Ready-made stacks. Rule of this package: options in, a Stack out, nothing else."""
