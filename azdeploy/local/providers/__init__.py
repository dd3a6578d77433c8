"""What ARM's providers answer on this machine. Rule: a provider is a class whose ``routes`` tell its whole surface."""
