"""A stateful stand-in for the Secret Server REST API, built from published facts and from nothing of the connector."""
