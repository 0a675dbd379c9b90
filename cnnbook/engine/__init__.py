"""The trainer's engine: what makes a training fast, exact and resumable."""
