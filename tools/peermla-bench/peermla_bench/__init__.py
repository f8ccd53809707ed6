"""Measured times of compiled models beside PyTorch's, in one process and run."""
