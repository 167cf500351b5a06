"""Pages of tasks: list, one task, new task, cancel. They show and ask; the verbs of tasks decide."""
