"""Commands about judgement: rule sets, judging a log again, what if, and how well incidents are found.

Files, versions and options enter; tables, and rule sets in the registry leave.
"""
