"""evalkit under the names that other libraries' users know."""
