"""`moorline demo`: the main job, acted for real on this machine, and every claim checked.

machine.py    what has to be here: an engine, git, a static busybox, a registry, an HAProxy
images.py     three versions of a tiny web page, of which the third has a mistake; the ingress
rootfs.py     the file systems that they are made of
world.py      a registry, a remote, a work tree and a daemon in one temporary folder
clean.py      the one way of removing all of it again, also by hand
person.py     what somebody would type
visitor.py    asks the page all the time, and remembers what it said when
crowd.py      visitors who ask without a pause, and count every answer
witness.py    reads in git what the daemon wrote there
envfile.py    the template's environment file, in a hurry
story.py      the steps; those without a gap are in seamless.py
telling.py    what steps are made of
screen.py     how they look on a terminal
"""
