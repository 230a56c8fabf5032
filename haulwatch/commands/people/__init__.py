"""Commands about the people and machines that use the API: `haulwatch user`.

Names, roles and passwords enter; accounts in the registry's database leave. Administrators call them.
"""
