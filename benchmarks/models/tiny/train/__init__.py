"""How the bundled toy model is made: `python -m benchmarks.models.tiny.train --help`. Nothing else imports it."""
