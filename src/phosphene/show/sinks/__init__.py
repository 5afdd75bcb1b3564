"""Where finished pictures go, one file each; a rendered show and a live one use the same.

``segments`` (a film that survives a kill), ``file`` (a recording while it plays), ``rtmp``, ``camera``
(virtual), ``memory``, ``viewers`` (pages and MJPEG). ``clocked`` gives any of them the picture of the
moment, for live.
"""
