"""Tracking: signed links of KOLs, from issuing a token to judging it at the click."""
