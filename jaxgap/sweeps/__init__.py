"""Many systems at once."""
