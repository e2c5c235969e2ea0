"""The authorization server as a program: the command ``server`` of a bundle, over HTTPS (R075 to R126)."""
