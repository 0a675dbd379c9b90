"""How training is fast, exact and resumable."""
