"""The PostgreSQL that holds everything: the embedded server, connections by role, migrations."""
