"""The consumer half: who published this, and does the evidence hold."""
