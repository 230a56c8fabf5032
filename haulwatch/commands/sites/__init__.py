"""`haulwatch sites`: lists suspected sites, looks for new ones in the journal, and takes decisions of people.

`haulwatch.cli` loads `app`. The API does the same (`api.resources.suspected_sites`).
"""
