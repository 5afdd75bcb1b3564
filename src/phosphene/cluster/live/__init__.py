"""Live sessions on other machines: each is played by one Ray actor, and moves on when that dies."""
