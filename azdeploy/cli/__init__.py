"""The terminal: parse, call, render. Rule of this package: nothing is decided here that a library user would need."""
