"""Arithmetic that plug-ins share: threads, distances, losses, solvers."""
