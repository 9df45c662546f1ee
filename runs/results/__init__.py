"""Results of any number of run directories: read, compared, queried with SQL, exported."""
