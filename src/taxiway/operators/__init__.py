"""One operator per stage, one noun per file."""
