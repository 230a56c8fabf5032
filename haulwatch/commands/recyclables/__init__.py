"""`haulwatch deposits`: deposits of recyclables, accounts by pseudonym, and the key that makes pseudonyms."""
