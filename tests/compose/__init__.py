"""What docker-compose.yml and its variants say, checked against the schema and against Haulwatch."""
