"""What must be done: each job reads, thinks, then writes."""
