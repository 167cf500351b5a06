"""What other apps may want to hear of hosts without agents knowing them. Sent inside the transaction that decides."""

from django.dispatch import Signal

placement_changed = Signal()  # an operator changed rules, pools, labels or counted resources: look at the queue again
access_changed = Signal()  # after the commit: who may connect was changed
