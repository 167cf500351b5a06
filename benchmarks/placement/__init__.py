"""Replays lists of GPU tasks through the product's own planner, one pass over the whole sequence, and says how much of
the cluster's GPU capacity ends up allocated. Uses no database and no server.

The experiment is the one of "Beware of Fragmentation" (Weng et al., USENIX ATC 2023): nodes empty at first, tasks drawn
from a list, tasks only arrive and never leave.
"""
