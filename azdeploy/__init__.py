"""Deploy containers to Azure from Python."""
