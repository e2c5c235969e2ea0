"""The issuer: checks an application, keeps the register of what was issued, and makes the bundles (R054 to R074)."""
