"""Gamepads: through SDL, through HID reports, and their mappings."""
