"""The record of a pack: a few pages for people, in Chinese and English, with map and curves.

PDF with embedded fonts, the same bytes for the same pack. Only this folder imports reportlab.
"""
