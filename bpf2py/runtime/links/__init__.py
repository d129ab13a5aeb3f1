"""Links: a program on its hook.  One file per way of attaching; ``base.Link`` is what all share."""
