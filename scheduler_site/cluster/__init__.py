"""`make run-cluster`: a PostgreSQL, a Redis and two server processes on this machine, for a look. No way to run a site:
docs/deploy.md says how several processes and machines are set up.
"""
