"""Processes on the host: starting one behind a barrier, finding its family, signalling the right one."""
