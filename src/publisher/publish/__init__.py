"""The steps of a release. A step gets values, returns values, and knows no other step."""
