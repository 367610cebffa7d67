"""What changed in the database's tables from one version of whet to the next, as Alembic revisions; `versions/` has
one file for each, named and applied in the order of their numbers. `service/upgrading.py` decides when."""
