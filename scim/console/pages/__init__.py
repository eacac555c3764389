"""One module a page. Each endpoint reads, asks the desk to do, and draws; who may is written in routes.py."""
