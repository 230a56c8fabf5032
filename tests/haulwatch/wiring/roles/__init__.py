"""Tests of what each process may do in PostgreSQL."""
