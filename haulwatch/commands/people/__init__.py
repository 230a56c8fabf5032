"""Commands about the people and machines that use the API: `haulwatch user` and `haulwatch token`.

Names, roles and passwords enter; accounts and tokens in the registry's database leave. Administrators call them.
"""
