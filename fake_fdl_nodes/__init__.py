"""Simulated FineDataLink nodes: the pure state machine of one node, its failure list, and whole fleets."""
