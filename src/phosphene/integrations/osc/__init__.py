"""Open Sound Control: every setting by its own address, in and out, and listed by OSCQuery."""
