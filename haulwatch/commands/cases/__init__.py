"""`haulwatch case`: cases and their closing rate, read at the command line. The console and the API change them.

Options enter; tables or JSON leave.
"""
