"""`haulwatch evidence`: the key that signs packs, their export, and their verification.

Export reads a data directory; verification needs nothing but the file.
"""
