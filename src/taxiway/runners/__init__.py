"""Where jobs run: plan, launch or adopt, describe, logs, cancel; one module per kind of place."""
