"""All a hub knows in one file: written while it runs, and restored into an empty folder and database of either kind.

backup.json            which version wrote it, when, how many rows of what
tables/<name>.jsonl    a row a line; bytes are base64
sources/  bundles/     what was deployed, when it is kept in the data folder (on Postgres it is in the tables)
keys/master.key        only when asked for: with it, whoever has the file has every secret
"""
