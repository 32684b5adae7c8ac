"""`moorline demo`: the main job, acted for real on this machine, and every claim checked.

machine.py    what has to be here: an engine, git, a static busybox, a registry
images.py     three versions of a tiny web page; the third has a mistake
world.py      a registry, a remote, a work tree and a daemon in one temporary folder
clean.py      the one way of removing all of it again, also by hand
person.py     what somebody would type
visitor.py    asks the page all the time, and remembers what it said when
witness.py    reads in git what the daemon wrote there
envfile.py    the template's environment file, in a hurry
story.py      the steps
screen.py     how they look on a terminal
"""
