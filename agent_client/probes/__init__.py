"""What a host has and how busy it is: one file per source. Probes read; they never reserve, judge or send anything."""
