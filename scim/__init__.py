"""SCIM 2.0 for Delinea Secret Server. Read the folders in the order a request passes them: docs/architecture.md."""

__version__ = "0.2.0"
