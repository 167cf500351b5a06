"""Who may enter: owner account, sign-in links, API tokens. What they may do is decided by each app."""
