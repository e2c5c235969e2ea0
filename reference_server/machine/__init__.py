"""The machine that is to be an authorization server: its identity, and the tool that exports it (R038 to R053)."""
