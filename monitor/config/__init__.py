"""What people set: one YAML file, checked before it is believed."""
