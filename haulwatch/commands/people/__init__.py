"""Commands about the people and machines that use the API: `haulwatch user`, `token` and `audit`.

Names, roles and passwords enter; accounts and tokens in the registry's database leave. Administrators call them.
"""
