"""What benchmarks/publish.py is made of."""
