"""What administrators do, as plain functions: the command line and the console speak with the same words.

Nothing here prints, draws or asks. Each function takes what it changes and raises a ConnectorError in words for people.
"""
