"""A fake FineDataLink node as a program: ``fdl-node``, which registers and polls over HTTPS."""
