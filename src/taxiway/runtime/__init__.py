"""What runs inside a job: `python -m taxiway.runtime job` reads one request, does one stage, delivers one result."""
