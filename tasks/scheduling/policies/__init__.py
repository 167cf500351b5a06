"""Rules that choose among the hosts where a task fits: one file each, `choose(request, hosts) -> Host`."""
