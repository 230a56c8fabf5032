"""`haulwatch manifest`: manifests read at the command line. The API changes them.

Options enter; tables or JSON leave.
"""
