"""The only printers: how a run speaks and what it leaves behind."""
