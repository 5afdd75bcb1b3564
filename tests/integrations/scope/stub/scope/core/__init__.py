"""An original stand-in for the host, written from its contract."""
