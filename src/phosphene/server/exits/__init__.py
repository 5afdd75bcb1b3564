"""Where pictures go besides the page: files, RTMP, virtual cameras. Chosen on the command line only."""
