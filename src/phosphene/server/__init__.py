"""The web server around live sessions."""
