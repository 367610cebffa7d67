"""Plain pages, rendered on the server, without a script: what runs, what came of it, which prompts there are."""
