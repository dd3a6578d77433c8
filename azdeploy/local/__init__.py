"""Azure on this machine. Rule of this package: answer as Azure was recorded to, never as our client would like it."""
