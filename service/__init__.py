"""Who may ask, and when: the registry, the jobs and the `whet` command."""
