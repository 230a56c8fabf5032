"""Reports of the public: what somebody saw, where and when, by hotline, web form or QR code; each becomes a case.

A report enters, a number and a case leave. The informant's name and contact are sealed in a table of their own
(`sealing`); nothing but `informants` opens them. `api.public_reports` calls it.
"""
