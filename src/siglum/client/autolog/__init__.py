"""Autologging: training functions of libraries are wrapped, so that what they do is on record without a line.

`patching` wraps and unwraps; `training` writes a run; the other modules know one library each, and are imported when
it is used. Nothing here may break the user's training: an error of ours is one line of warning.
"""
